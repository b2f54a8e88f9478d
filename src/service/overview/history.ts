/** Of one step, ms. */
export const STEP_MS = 10_000;
/** So many are kept: an hour. */
export const MAX_STEPS = 360;

/** What a gateway, or all of a node, did so far: bytes and decisions. */
export interface Counts {
  readonly up: number;
  readonly down: number;
  readonly allowed: number;
  readonly denied: number;
}

const FIELDS = ['up', 'down', 'allowed', 'denied'] as const;

/**
 * What was done in each step of the last hour, in 6 KB. Times are ms of a clock that nobody sets; steps are the same for
 * all that share it.
 */
export class History {
  readonly #steps = new Float32Array(MAX_STEPS * FIELDS.length);
  /** Numbers of the first step, and of the one that is not over. */
  readonly #first: number;
  #current: number;
  /** At the beginning of that, by field. */
  readonly #before: number[];

  constructor(time: number, before: Counts) {
    this.#first = Math.floor(time / STEP_MS);
    this.#current = this.#first;
    this.#before = FIELDS.map((field) => before[field]);
  }

  /** To be called often: what came since the last step was seen to end counts for the one that ends. */
  add(time: number, read: () => Counts): void {
    const step = Math.floor(time / STEP_MS);
    if (step <= this.#current) return;
    const counts = read();
    this.#finish(counts);
    // Nobody has looked for a while.
    this.#current = Math.max(this.#current, step - MAX_STEPS);
    while (this.#current < step) this.#finish(counts);
  }

  /** The step that is not over ends with this, and nothing comes any more. */
  end(time: number, counts: Counts): void {
    this.add(time, () => counts);
    this.#finish(counts);
  }

  /** The steps that are over. @param now wall clock at that time, ms since 1970. */
  view(time: number, now: number) {
    const first = Math.max(this.#first, this.#current - MAX_STEPS);
    const list = (field: number, of: (sum: number) => number) =>
      Array.from({ length: this.#current - first }, (_, i) => of(this.#steps[at(first + i) + field] ?? 0));
    const rate = (bytes: number) => Math.round((bytes * 8_000) / STEP_MS);
    return {
      step: STEP_MS,
      from: new Date(Math.round(now - time + first * STEP_MS)).toISOString(),
      up: list(0, rate),
      down: list(1, rate),
      allowed: list(2, Math.round),
      denied: list(3, Math.round),
    };
  }

  #finish(counts: Counts): void {
    for (const [i, field] of FIELDS.entries()) {
      this.#steps[at(this.#current) + i] = Math.max(0, counts[field] - (this.#before[i] ?? 0));
      this.#before[i] = counts[field];
    }
    this.#current++;
  }
}

const at = (step: number) => (step % MAX_STEPS) * FIELDS.length;
