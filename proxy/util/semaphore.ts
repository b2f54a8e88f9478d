import type { DenialReason } from '../policy/denials.js';

/** Counts what is open of one kind, and says no past the limit. */
export class Semaphore {
  #open = 0;

  /** @param reason what is refused past the limit is refused with */
  constructor(
    readonly limit: number,
    readonly reason: DenialReason,
  ) {}

  get open(): number {
    return this.#open;
  }

  /** The function that releases it (once, however often it is called), or undefined where all are taken. */
  acquire(): (() => void) | undefined {
    if (this.#open >= this.limit) return undefined;
    this.#open++;
    let held = true;
    return () => {
      if (held) this.#open--;
      held = false;
    };
  }
}
