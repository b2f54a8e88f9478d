import { availableParallelism } from 'node:os';
import { GatewayError } from '../engine/errors.js';
import { withHostLock } from '../host/host-lock.js';

/** Node starts in each container of a gateway: more at once than there are cores only make each other late. */
const AT_ONCE = Math.max(2, availableParallelism());
const MAX_WAITING = 1_000;
/** For a turn, ms. */
const PATIENCE_MS = 300_000;

interface OpeningTurnsOptions {
  /** Default one for each core, and two at least. */
  readonly atOnce?: number;
  readonly maxWaiting?: number;
  readonly patienceMs?: number;
  /** Of the locks that processes of one network namespace share. */
  readonly name?: string;
}

/**
 * Turns at opening gateways: hundreds may be asked for at the same time, by this process and by others of this machine,
 * and an engine that starts hundreds of containers at once starts none in time. Within a process who came first goes
 * first; between processes it is whoever finds a turn free.
 */
export class OpeningTurns {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #patienceMs: number;
  readonly #name: string;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(options: OpeningTurnsOptions = {}) {
    this.#atOnce = options.atOnce ?? AT_ONCE;
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#name = options.name ?? 'opening';
  }

  /**
   * Does the work when its turn comes.
   *
   * @param work is told how many ms it waited
   * @throws GatewayError where no turn came in time, or too many wait already
   */
  async run<T>(work: (waitedMs: number) => Promise<T>): Promise<T> {
    const asked = performance.now();
    await this.#take();
    try {
      // Other processes have turns as well. One that never gives its own back holds nobody up for good.
      const patienceMs = Math.max(0, this.#patienceMs - (performance.now() - asked));
      return await withHostLock(this.#name, () => work(performance.now() - asked), {
        patienceMs,
        places: this.#atOnce,
      });
    } finally {
      this.#release();
    }
  }

  async #take(): Promise<void> {
    if (this.#taken < this.#atOnce) {
      this.#taken++;
      return;
    }
    if (this.#waiting.size >= this.#maxWaiting) {
      throw new GatewayError(
        `${this.#waiting.size} gateways wait for their turn to be opened: ask again later, or open fewer at the same time`,
      );
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(go);
        reject(
          new GatewayError(
            `the gateway waited ${this.#patienceMs / 1000} s for its turn to be opened: ${this.#taken} are being opened and ${this.#waiting.size} wait; the engine is slow, see its log, or ask again later`,
          ),
        );
      }, this.#patienceMs);
      const go = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.add(go);
    });
  }

  #release(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#taken--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
