import type { EgressProxy, EgressProxyOptions } from '../egress-proxy.js';
import { portsOf } from '../listeners.js';
import { type Logger, silentLogger } from '../policy/logger.js';
import type { EgressPolicy } from '../policy/policy.js';
import { heartbeats } from './heartbeats.js';
import { type Place, RemoteProxy } from './remote-proxy.js';
import { WorkerProcess } from './worker-process.js';

/** A worker that says nothing for so long is stuck, ms. */
const SILENT_MS = 2_000;
/** For a worker that has nothing left to do to end, ms. */
const END_MS = 5_000;
/** An idle worker is kept for the next proxy, ms. */
const LINGER_MS = 30_000;
export interface WorkersOptions {
  /** Most that share their proxies. Default 1. */
  readonly count?: number;
  /** Default: no log. */
  readonly logger?: Logger;
  /** The program of a worker. Default: this package's. */
  readonly main?: string;
}

/** A worker and the proxies that are in it. */
interface Slot {
  readonly worker: WorkerProcess;
  readonly proxies: Set<RemoteProxy>;
  /** Takes new proxies. */
  readonly shared: boolean;
  /** Set while it is empty. */
  linger?: NodeJS.Timeout | undefined;
}

/** Counts of a process's workers. */
export interface WorkersFigures {
  readonly running: number;
  /** That ended without being told to. */
  readonly deaths: number;
  readonly processes: readonly { readonly pid: number; readonly proxies: number }[];
}

/**
 * The workers of this process: children without privileges, in which the proxies of jobs live, spread evenly. The
 * proxies of one that dies or is stuck are opened again in others, at their addresses.
 */
export class Workers {
  readonly #count: number;
  readonly #logger: Logger;
  readonly #main: string | undefined;
  readonly #slots = new Set<Slot>();
  readonly #listening = new Set<RemoteProxy>();
  #deaths = 0;

  constructor({ count = 1, logger = silentLogger, main }: WorkersOptions = {}) {
    this.#main = main;
    this.#count = count;
    this.#logger = logger;
  }

  figures(): WorkersFigures {
    const processes = [...this.#slots].flatMap(({ worker: { pid }, proxies }) =>
      pid === undefined ? [] : [{ pid, proxies: proxies.size }],
    );
    return { running: this.#slots.size, deaths: this.#deaths, processes };
  }

  /** As `createEgressProxy`, in one of the workers. */
  readonly createProxy = (policy: EgressPolicy, options: EgressProxyOptions = {}): EgressProxy =>
    new RemoteProxy(policy, {
      ...options,
      place: async (proxy) => this.#put(proxy, this.#leastLoaded()),
      onListening: (proxy) => {
        this.#listening.add(proxy);
        for (const { worker } of this.#slots) tellListener(worker, proxy, true);
      },
      onOver: (proxy) => this.#remove(proxy),
      onStuck: (proxy, why) => {
        for (const { worker, proxies } of this.#slots) {
          if (proxies.has(proxy)) worker.kill(why);
        }
      },
    });

  #leastLoaded(): Slot {
    const shared = [...this.#slots].filter((slot) => slot.shared);
    const [best] = shared.sort((a, b) => a.proxies.size - b.proxies.size);
    return best && (best.proxies.size === 0 || shared.length >= this.#count) ? best : this.#start(true);
  }

  #start(shared: boolean): Slot {
    const worker = new WorkerProcess(this.#logger, this.#main);
    const slot: Slot = { worker, proxies: new Set(), shared };
    this.#slots.add(slot);
    for (const proxy of this.#listening) tellListener(worker, proxy, true);
    void worker.link.ended.then((why) => this.#ended(slot, why));
    heartbeats.watch(worker, SILENT_MS, (why) => worker.kill(why));
    return slot;
  }

  #put(proxy: RemoteProxy, slot: Slot): Place {
    clearTimeout(slot.linger);
    slot.linger = undefined;
    slot.worker.ref();
    slot.proxies.add(proxy);
    return { link: slot.worker.link };
  }

  #remove(proxy: RemoteProxy): void {
    if (this.#listening.delete(proxy)) {
      for (const { worker } of this.#slots) tellListener(worker, proxy, false);
    }
    for (const slot of this.#slots) {
      if (!slot.proxies.delete(proxy) || slot.proxies.size > 0) continue;
      slot.worker.unref();
      const end = () => {
        this.#slots.delete(slot);
        slot.worker.end(END_MS);
      };
      slot.linger = setTimeout(end, slot.shared ? LINGER_MS : 0).unref();
    }
  }

  #ended(slot: Slot, { message: why }: Error): void {
    this.#slots.delete(slot);
    clearTimeout(slot.linger);
    const lost = [...slot.proxies].filter((proxy) => proxy.lostWorker());
    if (lost.length === 0) return;
    if (slot.worker.link.cannotStart) {
      for (const proxy of lost) proxy.fail(new Error(`no worker can be had: ${why}`));
      return;
    }
    this.#deaths++;
    const { pid } = slot.worker;
    this.#logger.error({ pid, why, gateways: lost.length }, 'a worker ended: its gateways open again');
    const first: RemoteProxy[] = [];
    for (const proxy of lost) {
      const { losses } = proxy;
      if (losses === 1) first.push(proxy);
      else if (losses === 2) this.#openAgain([proxy]);
      else
        proxy.fail(new Error(`its worker ended ${losses} times within ten minutes, at last because: ${why}`));
    }
    // One of them may be what ended it. In so many groups, the fewest share its fate if it does that again, with the
    // fewest workers.
    const size = Math.ceil(Math.sqrt(first.length));
    for (let i = 0; i < first.length; i += size) this.#openAgain(first.slice(i, i + size));
  }

  #openAgain(proxies: readonly RemoteProxy[]): void {
    try {
      const slot = this.#start(false);
      for (const proxy of proxies) {
        proxy.openAgain(this.#put(proxy, slot)).catch((error: Error) => proxy.fail(error));
      }
    } catch (error) {
      for (const proxy of proxies) proxy.fail(error as Error);
    }
  }
}

function tellListener({ link }: WorkerProcess, { address }: RemoteProxy, open: boolean): void {
  if (!address) return;
  for (const port of portsOf(address)) link.send({ do: 'listener', host: address.host, port, open });
}
