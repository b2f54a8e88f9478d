/** Lets a number of tasks run at once; others wait for their turn, for a time. */
export class Turns {
  #free: number;
  readonly #waiting: Set<() => void> = new Set();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Waits for a turn; false where none came in `ms`, or the signal was aborted. Who got one gives it back with {@link release}. */
  take(ms: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const settle = (got: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        this.#waiting.delete(go);
        resolve(got);
      };
      const go = () => settle(true);
      const giveUp = () => settle(false);
      const timer = setTimeout(giveUp, ms);
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(go);
    });
  }

  release(): void {
    const [next] = this.#waiting;
    if (next) next();
    else this.#free++;
  }
}
