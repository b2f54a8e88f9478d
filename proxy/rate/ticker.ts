import type { Clock } from '../util/clock.js';

/** What a ticker wakes. */
export interface Ticked {
  /** When it should be woken, on the ticker's clock. */
  readonly dueAt: number;
  /** Whether somebody waits who should not have to. */
  readonly urgent: boolean;
  tick(): void;
}

/**
 * Ms between two ticks while all is quiet. Each tick is a wake-up and a write per saturated direction, so a longer
 * one is cheaper; but a bucket of 48 KiB with a quarter held back overflows after 29 ms at 10 Mbit/s, and what
 * overflows is lost to the job.
 */
const RELAXED_TICK_MS = 20;
/** Ms between two ticks while somebody urgent waits, or while ticks come late and the buckets need the margin. */
export const TICK_MS = 10;
/** A tick this late (ms) shortens the next ones, for as long as the second figure says. */
const LATE_MS = 4;
const WARY_MS = 10_000;

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
  #waryUntil = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes `ticked` at the first tick at or after its `dueAt`, and at those that follow, until it is removed. */
  add(ticked: Ticked): void {
    this.#active.add(ticked);
    if (!this.#ticking) this.#arm(ticked);
  }

  remove(ticked: Ticked): void {
    if (this.#active.delete(ticked) && this.#active.size === 0) this.#disarm();
  }

  #arm({ dueAt, urgent }: Ticked): void {
    const now = this.#clock.now();
    const grid = urgent || now < this.#waryUntil ? TICK_MS : RELAXED_TICK_MS;
    const at = Math.ceil(dueAt / grid) * grid;
    if (at >= this.#firesAt) return;
    this.#disarm();
    this.#firesAt = at;
    this.#timer = this.#clock.setTimeout(this.#tick, Math.max(1, Math.ceil(at - now)));
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
  }

  readonly #tick = (): void => {
    const now = this.#clock.now();
    if (now - this.#firesAt > LATE_MS) this.#waryUntil = now + WARY_MS;
    this.#timer = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
    this.#ticking = true;
    try {
      for (const ticked of this.#active) {
        if (ticked.dueAt <= now) ticked.tick();
      }
    } finally {
      this.#ticking = false;
      for (const ticked of this.#active) this.#arm(ticked);
    }
  };
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
