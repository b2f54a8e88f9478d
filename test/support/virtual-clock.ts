import type { Clock } from '../../proxy/util/clock.js';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to; timers run in order, at their own time. */
export class VirtualClock implements Clock {
  #now = 1_000;
  readonly #timers = new Set<Timer>();
  /** How many timers have run. */
  fired = 0;

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): Timer {
    const timer = { at: this.#now + Math.max(1, ms), callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as Timer);
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass, running what is due. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let timer = this.#first(end); timer; timer = this.#first(end)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      this.fired++;
      timer.callback();
    }
    this.#now = end;
  }

  /** Moves the clock without running timers: a suspended process, or with a negative value a broken clock. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #first(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (!first || timer.at < first.at)) first = timer;
    }
    return first;
  }
}
