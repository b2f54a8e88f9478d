/** Lets a number of tasks run at once; others wait for their turn, for a time. */
export class Turns {
  #free: number;
  #closed = false;
  readonly #waiting = new Set<(got: boolean) => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Waits for a turn; false where none came in `ms`, or there are none any more. Who got one gives it back by {@link release}. */
  take(ms: number): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const settle = (got: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        resolve(got);
      };
      const timer = setTimeout(settle, ms, false);
      this.#waiting.add(settle);
    });
  }

  release(): void {
    const [next] = this.#waiting;
    if (next) next(true);
    else this.#free++;
  }

  close(): void {
    this.#closed = true;
    for (const settle of this.#waiting) settle(false);
  }
}
