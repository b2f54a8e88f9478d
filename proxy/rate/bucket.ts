/**
 * A token bucket, one token a byte, refilled when it is looked at. What is taken over any window of `t` ms is at
 * most `t` times the rate plus the burst, because the level never exceeds the burst: not after idle time, a
 * suspended process or a clock that jumped.
 */
export class TokenBucket {
  /** Bytes per ms. */
  rate: number;
  /** Bytes. */
  burst: number;
  #level: number;
  #refilledAt: number;

  /** Starts full. */
  constructor(rate: number, burst: number, now: number) {
    this.rate = rate;
    this.burst = burst;
    this.#level = burst;
    this.#refilledAt = now;
  }

  /** Adds what time has brought since the last call, and gives the level in bytes; below 0 while in debt. */
  refill(now: number): number {
    const elapsed = now - this.#refilledAt;
    this.#refilledAt = now;
    // A clock that went backwards brings nothing, and takes nothing.
    if (elapsed > 0) this.#level = Math.min(this.burst, this.#level + elapsed * this.rate);
    return this.#level;
  }

  /** From now on; what is there beyond the burst is lost. */
  change(rate: number, burst: number, now: number): void {
    this.refill(now);
    this.rate = rate;
    this.burst = burst;
    this.#level = Math.min(burst, this.#level);
  }

  /** The level at the last refill, less what was taken since. */
  get level(): number {
    return this.#level;
  }

  /** Takes `bytes`, whether they are there or not: what is missing is a debt that time pays back. */
  take(bytes: number): void {
    this.#level -= bytes;
  }
}
