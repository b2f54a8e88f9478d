import { packageVersion } from '../../../proxy/util/package-files.js';
import type { EndedGateways } from '../ended-gateways.js';
import type { EngineLink } from '../engine-link.js';
import type { EventHub } from '../event-hub.js';
import type { Gateways } from '../gateways.js';
import type { ServedJob } from '../jobs.js';
import type { Parts } from '../metrics/parts.js';
import type { ServedGateway } from '../served-gateway.js';
import { type Counts, History } from './history.js';
import { processMemory } from './process-memory.js';
import { TopRefused } from './top-refused.js';
import { Verdicts } from './verdicts.js';

interface OverviewOptions {
  readonly gateways: Gateways;
  readonly ended: EndedGateways;
  readonly jobs: () => readonly Pick<ServedJob, 'state'>[];
  readonly link: EngineLink;
  readonly hub: EventHub;
  readonly parts?: Parts | undefined;
}

const STILL = { up: 0, down: 0 };
const NOTHING = { up: 0, down: 0, allowed: 0, denied: 0 };

/** How a node is: for a person who looks, and for what a person looks at. */
export class Overview {
  readonly #options: OverviewOptions;
  readonly #since = new Date();
  readonly #verdicts = new Verdicts();
  readonly #refused = new TopRefused();
  readonly #history = new History(performance.now(), NOTHING);
  /** Of gateways that are closed. */
  #past: Counts = NOTHING;

  constructor(options: OverviewOptions) {
    this.#options = options;
    options.hub.subscribe((event) => this.#verdicts.add(event));
  }

  /** @param time ms of `performance.now()` */
  sample(time: number): void {
    this.#history.add(time, () => this.#total());
  }

  closed({ gateway }: ServedGateway): void {
    this.#past = sum(this.#past, gateway.figures());
  }

  view() {
    const { gateways, ended, jobs, link, parts = {} } = this.#options;
    const open = gateways.list();
    const remembered = ended.list();
    const all = jobs();
    const containers = open.flatMap((one) => [...one.containers.values()]);
    const enforced = containers.filter((one) => one.enforced).length;
    const count = (list: readonly { readonly state: string }[], ...states: string[]) =>
      list.filter(({ state }) => states.includes(state)).length;
    const now = Date.now();
    const { problem } = link;
    return {
      version: packageVersion(),
      time: new Date(now).toISOString(),
      since: this.#since.toISOString(),
      rate: open.reduce(({ up, down }, { rate }) => ({ up: up + rate.up, down: down + rate.down }), STILL),
      gateways: {
        open: count(open, 'open'),
        draining: count(open, 'draining'),
        failed: count(open, 'failed'),
        ended: remembered.length,
      },
      jobs: {
        running: count(all, 'starting', 'running', 'stopping'),
        ended: count(all, 'ended'),
        failed: count(all, 'failed'),
      },
      containers: { enforced, unenforced: containers.length - enforced },
      admission: this.#verdicts.view(),
      refused: {
        total: this.#total().denied,
        top: this.#refused.list(
          new Map([
            ...open.map(({ id, gateway }) => [id, gateway.figures()] as const),
            ...remembered.map(({ id, figures }) => [id, figures] as const),
          ]),
        ),
      },
      workers: workersOf(parts),
      lockdown: lockdownOf(parts),
      engine:
        problem === undefined
          ? { ready: true, version: link.engine.version }
          : { ready: false, reason: problem },
      gate: parts.gate ? { listening: parts.gate() } : null,
      history: this.#history.view(performance.now(), now),
    };
  }

  #total(): Counts {
    return this.#options.gateways
      .list()
      .reduce((all, { gateway }) => sum(all, gateway.figures()), this.#past);
  }
}

function sum(a: Counts, b: Counts): Counts {
  return {
    up: a.up + b.up,
    down: a.down + b.down,
    allowed: a.allowed + b.allowed,
    denied: a.denied + b.denied,
  };
}

function workersOf({ workers }: Parts) {
  if (!workers) return null;
  const { deaths, processes } = workers();
  const list = processes.map(({ pid, proxies }) => {
    const memory = processMemory(pid);
    return { pid, gateways: proxies, ...(memory !== undefined && { memory }) };
  });
  return { deaths, list };
}

function lockdownOf({ lockdown }: Parts) {
  const standing = lockdown?.().standing;
  if (!standing) return { state: 'none' as const };
  const { time, problem } = standing;
  const checked = new Date(time).toISOString();
  if (problem === undefined) return { state: 'intact' as const, checked };
  return { state: 'broken' as const, checked, reason: problem };
}
