import type { Clock } from './clock.js';

/** What a ticker wakes. */
export interface Ticked {
  /** When it should be woken, on the ticker's clock. */
  readonly dueAt: number;
  tick(): void;
}

/**
 * Ms between two ticks. Each tick is a write per saturated direction, so a longer one is cheaper; but a bucket of
 * 48 KiB with a quarter held back overflows after 29 ms at 10 Mbit/s, and what overflows is lost to the job.
 */
export const TICK_MS = 10;

/**
 * One timer for everything that waits for tokens in this process. Ticks lie on a common grid, so that all who are
 * due are served in one wake-up; while nobody waits there is no timer.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #active = new Set<Ticked>();
  #timer: unknown;
  #firesAt = Number.POSITIVE_INFINITY;
  #ticking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes `ticked` at the first tick at or after its `dueAt`, and at those that follow, until it is removed. */
  add(ticked: Ticked): void {
    this.#active.add(ticked);
    if (!this.#ticking) this.#arm(ticked.dueAt);
  }

  remove(ticked: Ticked): void {
    if (this.#active.delete(ticked) && this.#active.size === 0) this.#disarm();
  }

  #arm(dueAt: number): void {
    const at = Math.ceil(dueAt / TICK_MS) * TICK_MS;
    if (at >= this.#firesAt) return;
    this.#disarm();
    this.#firesAt = at;
    this.#timer = this.#clock.setTimeout(this.#tick, Math.max(1, Math.ceil(at - this.#clock.now())));
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
    this.#ticking = true;
    const now = this.#clock.now();
    try {
      for (const ticked of this.#active) {
        if (ticked.dueAt <= now) ticked.tick();
      }
    } finally {
      this.#ticking = false;
      this.#armNext();
    }
  };

  #armNext(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#active) {
      if (dueAt < next) next = dueAt;
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next);
  }
}

const tickers = new WeakMap<Clock, Ticker>();

/** The ticker that all users of a clock share. */
export function tickerOf(clock: Clock): Ticker {
  let ticker = tickers.get(clock);
  if (!ticker) {
    ticker = new Ticker(clock);
    tickers.set(clock, ticker);
  }
  return ticker;
}
