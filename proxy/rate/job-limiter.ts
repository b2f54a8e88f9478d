import type net from 'node:net';
import type { Spending } from '../budget/spending.js';
import { DEFAULT_OPERATOR_POLICY } from '../policy/policy.js';
import { assertBurst, assertRate } from '../policy/rate.js';
import { abortable } from '../util/abort.js';
import type { Cancellation } from '../util/cancellation.js';
import { type Clock, systemClock } from '../util/clock.js';
import { Scheduler } from './scheduler.js';
import { ThrottledSocket } from './throttled-socket.js';
import { tickerOf } from './ticker.js';
import { Toll } from './toll.js';

interface JobLimiterOptions {
  /** Bit/s for each direction; null: no limit, and no code in the path. */
  readonly rate: number | null;
  /**
   * Bytes that may pass at once after a pause, default 48 KiB. Raised to 40 ms worth of the rate where that is more
   * (above 9.8 Mbit/s): a smaller bucket would overflow between two ticks, and the job would get less than its rate.
   */
  readonly burst?: number;
  /** What may pass in all, and with each host. Default: everything. */
  readonly spending?: Spending;
  readonly clock?: Clock;
}

/** Bursts are at least this much time of the rate: a tick, what a loaded machine adds to it, and the reserve. */
const BURST_MS = 39;

/** A rate that no connection comes near, bytes per second: of those that came while there was a limit. */
const UNLIMITED = 1e12;

/** The two token buckets of a job, shared by all its connections: `up` for what it sends, `down` for what it gets. */
export class JobLimiter {
  /** Bytes; 0 where there is no limit. */
  burst = 0;
  readonly #leastBurst: number;
  readonly #clock: Clock;
  #rate: number | null = null;
  #up: Scheduler | undefined;
  #down: Scheduler | undefined;
  #closed = false;
  readonly #spending: Spending | undefined;

  /** @throws PolicyError for a rate below 8 kbit/s, or a burst that is not a number of bytes between 4 KiB and 1 GiB */
  constructor({
    rate,
    burst = DEFAULT_OPERATOR_POLICY.burst,
    spending,
    clock = systemClock,
  }: JobLimiterOptions) {
    this.#spending = spending;
    if (spending) {
      spending.onMore = (direction) => (direction === 'up' ? this.#up : this.#down)?.more();
    }
    this.#leastBurst = burst;
    this.#clock = clock;
    this.rate = rate;
  }

  get rate(): number | null {
    return this.#rate;
  }

  /** Whether bytes are counted before they pass: there is a rate, or a budget. */
  get isLimited(): boolean {
    return this.#rate !== null || (this.#spending?.isBounded ?? false);
  }

  /**
   * Another one, for what is under way as well; but a socket that no limit was put before stays as it is.
   *
   * @throws PolicyError as the constructor does, changing nothing
   */
  set rate(rate: number | null) {
    if (rate !== null) {
      assertRate(rate);
      assertBurst(this.#leastBurst);
    }
    this.#rate = rate;
    const bytesPerSecond = rate === null ? UNLIMITED : rate / 8;
    const burst = Math.max(this.#leastBurst, Math.ceil((bytesPerSecond * BURST_MS) / 1000));
    this.burst = rate === null ? 0 : burst;
    if (this.#up && this.#down) {
      this.#up.change({ bytesPerSecond, burst });
      this.#down.change({ bytesPerSecond, burst });
    } else if (this.isLimited) {
      const clock = this.#clock;
      const options = { bytesPerSecond, burst, clock, ticker: tickerOf(clock) };
      const { up, down } = this.#spending?.job ?? {};
      this.#up = new Scheduler({ ...options, ...(up && { allowance: up }) });
      this.#down = new Scheduler({ ...options, ...(down && { allowance: down }) });
      if (this.#closed) this.close();
    }
  }

  /**
   * The job's accepted socket, behind the limit: what is read from it is the job's upload, what is written to it its
   * download. Without a limit it is the socket itself. Use nothing but the result from here on.
   */
  throttle(socket: net.Socket): net.Socket | ThrottledSocket {
    if (!this.isLimited || !this.#up || !this.#down) return socket;
    return new ThrottledSocket(socket, this.#up, this.#down);
  }

  /** Bytes let through in each direction; 0 where there is no limit. */
  get bytes(): { up: number; down: number } {
    return { up: this.#up?.granted ?? 0, down: this.#down?.granted ?? 0 };
  }

  /** Ms in which at least one connection waited for tokens, for each direction. */
  get throttledMs(): { up: number; down: number } {
    return { up: this.#up?.waitedMs ?? 0, down: this.#down?.waitedMs ?? 0 };
  }

  /** Takes bytes of a host from the download's bucket that did not pass it, whether they are there or not. */
  charge(bytes: number, host: string): void {
    if (bytes > 0) this.#down?.charge(bytes, this.#spending?.of(host)?.down);
  }

  /** Undefined where the job has no debt; else what settles when it is paid. Rejects when it is cancelled, or closed. */
  debt(cancel: Cancellation): Promise<void> | undefined {
    const down = this.#down;
    if (!down?.inDebt) return undefined;
    const toll = new Toll();
    down.request(toll, 1);
    return abortable(toll.paid, cancel.signal).finally(() => down.withdraw(toll));
  }

  /** Ends what waits for tokens, and whatever asks for some later: its sockets are destroyed. */
  close(): void {
    this.#closed = true;
    this.#spending?.close();
    this.#up?.close();
    this.#down?.close();
  }
}
