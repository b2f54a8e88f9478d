/**
 * Which containers somebody attends to: a node follows the logs of its job's container and waits for its end, for as
 * long as both live.
 */
export class Attendance {
  /** Streams that are open now. */
  readonly #open = new Map<string, number>();
  /** When the last one ended, ms of the clock. */
  readonly #ended = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A stream of a container has begun. @returns to be called when it ends. */
  begin(container: string): () => void {
    this.#open.set(container, (this.#open.get(container) ?? 0) + 1);
    return () => {
      const left = (this.#open.get(container) ?? 1) - 1;
      if (left > 0) {
        this.#open.set(container, left);
        return;
      }
      this.#open.delete(container);
      this.#ended.set(container, this.#now());
    };
  }

  /** For how long nobody has attended to it, ms; what was never seen counts from now. */
  alone(container: string): number {
    if (this.#open.has(container)) return 0;
    const since = this.#ended.get(container);
    if (since !== undefined) return this.#now() - since;
    this.#ended.set(container, this.#now());
    return 0;
  }

  /** Forgets all but these. */
  keep(containers: ReadonlyMap<string, unknown>): void {
    for (const id of this.#ended.keys()) if (!containers.has(id)) this.#ended.delete(id);
  }
}
