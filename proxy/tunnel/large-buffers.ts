/** Bytes of each. A larger one is no faster, half of it is a third slower. */
const SIZE = 1_048_576;

/** The large buffers of one job, a few that are used again and again. */
export class LargeBuffers {
  /** Whether any are given out: none where the job has a rate, whose tokens are slower than any read. */
  lent: boolean;
  readonly #free: Buffer[] = [];
  #left: number;

  /** @param limit so many exist at most: connections whose reader stalls hold theirs */
  constructor({ limit = 16, lent = true } = {}) {
    this.#left = limit;
    this.lent = lent;
  }

  /** Undefined where all are in use. */
  take(): Buffer | undefined {
    if (!this.lent) return undefined;
    const free = this.#free.pop();
    if (free !== undefined || this.#left === 0) return free;
    this.#left--;
    return Buffer.allocUnsafeSlow(SIZE);
  }

  /** Nobody may look at it any more. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }

  /** One that was taken will not be given back. */
  lose(): void {
    this.#left++;
  }
}
