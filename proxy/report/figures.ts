import type { DenialReason } from '../policy/denials.js';
import type { DecisionEvent } from './events.js';

/** What a proxy did so far, and has open now. Plain values. */
export interface Figures {
  /** Bytes from the job, at its side of the proxy, everything included. */
  readonly up: number;
  /** Bytes to the job. */
  readonly down: number;
  /** Open now. */
  readonly connections: number;
  readonly tunnels: number;
  readonly requests: number;
  /** Decisions so far. */
  readonly allowed: number;
  readonly denied: number;
  /** Ms in which at least one connection waited for the limiter. */
  readonly throttledMs: { readonly up: number; readonly down: number };
  /** By host and port: at most 500 lines, and one for all others (`other`, port 0). */
  readonly hosts: readonly HostFigures[];
}

export interface HostFigures {
  readonly host: string;
  readonly port: number;
  readonly allowed: number;
  readonly denied: Readonly<Partial<Record<DenialReason, number>>>;
}

export const NO_FIGURES: Figures = {
  ...{ up: 0, down: 0, connections: 0, tunnels: 0, requests: 0, allowed: 0, denied: 0 },
  throttledMs: { up: 0, down: 0 },
  hosts: [],
};

/** What two proxies of one job did, the second after the first. */
export function addFigures(a: Figures, b: Figures): Figures {
  const hosts = new Map(a.hosts.map((line) => [`${line.host} ${line.port}`, line]));
  for (const line of b.hosts) {
    const key =
      hosts.has(`${line.host} ${line.port}`) || hosts.size < MAX_HOSTS ? `${line.host} ${line.port}` : OTHER;
    hosts.set(key, addLines(hosts.get(key), key === OTHER ? { ...line, host: OTHER_HOST, port: 0 } : line));
  }
  return {
    up: a.up + b.up,
    down: a.down + b.down,
    connections: a.connections + b.connections,
    tunnels: a.tunnels + b.tunnels,
    requests: a.requests + b.requests,
    allowed: a.allowed + b.allowed,
    denied: a.denied + b.denied,
    throttledMs: { up: a.throttledMs.up + b.throttledMs.up, down: a.throttledMs.down + b.throttledMs.down },
    hosts: [...hosts.values()],
  };
}

function addLines(a: HostFigures | undefined, b: HostFigures): HostFigures {
  const denied = { ...a?.denied };
  for (const [reason, count] of Object.entries(b.denied) as [DenialReason, number][])
    denied[reason] = (denied[reason] ?? 0) + count;
  return { host: b.host, port: b.port, allowed: (a?.allowed ?? 0) + b.allowed, denied };
}

/** A job can ask for a million names: so many have a line of their own. */
export const MAX_HOSTS = 500;
/** The line of all the others. */
export const OTHER_HOST = 'other';
const OTHER = `${OTHER_HOST} 0`;

interface HostLine {
  readonly host: string;
  readonly port: number;
  allowed: number;
  denied: Partial<Record<DenialReason, number>>;
}

/** Decisions counted by host. */
export class HostCounts {
  allowed = 0;
  denied = 0;
  readonly #lines = new Map<string, HostLine>();
  readonly #other: HostLine = { host: OTHER_HOST, port: 0, allowed: 0, denied: {} };
  #last = this.#other;

  count({ host, port, reason, count = 1 }: Pick<DecisionEvent, 'host' | 'port' | 'reason' | 'count'>): void {
    const line = this.#line(host, port);
    if (reason === 'allowed') {
      this.allowed += count;
      line.allowed += count;
    } else {
      this.denied += count;
      line.denied[reason] = (line.denied[reason] ?? 0) + count;
    }
  }

  list(): HostFigures[] {
    const { allowed, denied } = this.#other;
    const lines = [...this.#lines.values()];
    if (allowed > 0 || Object.keys(denied).length > 0) lines.push(this.#other);
    return lines.map((line) => ({ ...line, denied: { ...line.denied } }));
  }

  #line(host: string, port: number): HostLine {
    // A key costs more than all else here, and the next is mostly about the same host.
    if (this.#last.host !== host || this.#last.port !== port) this.#last = this.#find(host, port);
    return this.#last;
  }

  #find(host: string, port: number): HostLine {
    const key = `${host} ${port}`;
    const known = this.#lines.get(key);
    if (known) return known;
    if (this.#lines.size >= MAX_HOSTS) return this.#other;
    const line: HostLine = { host, port, allowed: 0, denied: {} };
    this.#lines.set(key, line);
    return line;
  }
}
