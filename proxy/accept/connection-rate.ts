import { type Clock, systemClock } from '../util/clock.js';

/** New connections: as many per second, and a second's worth at once after a pause. */
export class ConnectionRate {
  #level: number;
  #at: number;

  constructor(
    readonly perSecond: number,
    private readonly clock: Clock = systemClock,
  ) {
    this.#level = perSecond;
    this.#at = clock.now();
  }

  /** False where this one is too soon; it does not count then. */
  admit(): boolean {
    const now = this.clock.now();
    const elapsed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#level = Math.min(this.perSecond, this.#level + (elapsed * this.perSecond) / 1000);
    if (this.#level < 1) return false;
    this.#level -= 1;
    return true;
  }
}
