import type { Spent } from '../../proxy/budget/ledger.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import { type Figures, MAX_HOSTS, NO_FIGURES, OTHER_HOST } from '../../proxy/report/figures.js';
import type { Account, AccountPolicy, OpenedBy } from './account.js';

interface AccountBookOptions {
  readonly job: string;
  readonly execution?: string | undefined;
  readonly gateway?: string | undefined;
  readonly opened: OpenedBy;
  readonly versions: Account['versions'];
  readonly began: Date;
  readonly policy: AccountPolicy;
}

/** What is known of a job from elsewhere. */
interface Sums {
  readonly figures?: Figures;
  readonly spent?: Spent;
  readonly end?: { readonly time: Date; readonly reason?: string | undefined };
  readonly exitCode?: number | undefined;
}

interface HostLine {
  readonly host: string;
  readonly port: number;
  readonly first: number;
  last: number;
  up: number;
  down: number;
  connections: number;
  allowed: number;
  denied: Record<string, number>;
}

const MAX_CHANGES = 1_000;
const MAX_CONTAINERS = 100;

/** Writes down what happens to a job, within bounds whatever the job does. */
export class AccountBook {
  readonly #about: AccountBookOptions;
  readonly #counted = Date.now();
  readonly #hosts = new Map<string, HostLine>();
  readonly #changes: Account['changes'] = [];
  #changesLeftOut = 0;
  readonly #containers = new Map<string, { name: string; exitCode: number | null }>();

  constructor(about: AccountBookOptions) {
    this.#about = about;
  }

  /** What its proxy decided, or the end of what was allowed. */
  add(event: ProxyEvent): void {
    const line = this.#line(event.host, event.port, event.time);
    const { count = 1 } = event;
    line.last = Math.max(line.last, event.time);
    if (event.type === 'closed') {
      line.connections += count;
      line.up += event.up;
      line.down += event.down;
    } else if (event.reason === 'allowed') line.allowed += count;
    else line.denied[event.reason] = (line.denied[event.reason] ?? 0) + count;
  }

  /** Of what has ended; undefined for a host that has no line of its own. */
  bytesOf(host: string, port: number): { readonly up: number; readonly down: number } | undefined {
    const line = this.#hosts.get(`${host} ${port}`);
    return line && { up: line.up, down: line.down };
  }

  changed(time: number, by: string, cut: number, policy: object): void {
    if (this.#changes.length >= MAX_CHANGES) this.#changesLeftOut++;
    else this.#changes.push({ time: new Date(time).toISOString(), by, cut, policy: { ...policy } });
  }

  /** A container is on its network. */
  connected(id: string, name: string): void {
    if (this.#containers.has(id) || this.#containers.size >= MAX_CONTAINERS) return;
    this.#containers.set(id, { name, exitCode: null });
  }

  /** @returns whether it was on its network. */
  exited(id: string, exitCode: number): boolean {
    const container = this.#containers.get(id);
    if (container) container.exitCode = exitCode;
    return container !== undefined;
  }

  account({ figures = NO_FIGURES, spent, end, exitCode }: Sums): Account {
    const { job, execution, gateway, opened, versions, began, policy } = this.#about;
    const containers = [...this.#containers].map(([id, one]) => ({ id, ...one }));
    const { up, down, allowed, denied, throttledMs } = figures;
    return {
      v: 1,
      job,
      ...(execution !== undefined && { execution }),
      ...(gateway !== undefined && { gateway }),
      opened,
      versions,
      began: began.toISOString(),
      counted: new Date(this.#counted).toISOString(),
      ended: end?.time.toISOString() ?? null,
      ...(end?.reason !== undefined && { reason: end.reason }),
      exitCode: exitCode ?? (containers.length === 1 ? (containers[0]?.exitCode ?? null) : null),
      containers,
      policy,
      changes: [...this.#changes],
      changesLeftOut: this.#changesLeftOut,
      spent: { up: spent?.up ?? 0, down: spent?.down ?? 0 },
      total: { up, down, allowed, denied, throttledMs },
      hosts: [...this.#hosts.values()].map((line) => ({
        ...line,
        first: new Date(line.first).toISOString(),
        last: new Date(line.last).toISOString(),
        denied: { ...line.denied },
      })),
    };
  }

  #line(host: string, port: number, time: number): HostLine {
    let key = `${host} ${port}`;
    const known = this.#hosts.get(key);
    if (known) return known;
    const isOther = this.#hosts.size >= MAX_HOSTS;
    if (isOther) key = `${OTHER_HOST} 0`;
    const named = isOther ? { host: OTHER_HOST, port: 0 } : { host, port };
    const line = this.#hosts.get(key) ?? {
      ...named,
      ...{ first: time, last: time, up: 0, down: 0, connections: 0, allowed: 0, denied: {} },
    };
    this.#hosts.set(key, line);
    return line;
  }
}
