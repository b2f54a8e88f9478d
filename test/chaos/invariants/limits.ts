import type { Counted, Job } from '../job.js';
import { now } from '../now.js';
import type { Report } from './reached.js';

/**
 * A window, ms: what waits in the kernel while a busy machine does not read, comes at once later. So it is many times
 * what may wait: SLACK, bytes, with the burst of each bucket that began anew (a worker that was started again).
 */
const WINDOW_MS = 10_000;
const SLACK = 400_000;
const BURST = 64 * 1024;

/** No byte above the limit: the rate over windows, and the budget in all. Counted inside the job. */
export class Limits {
  /** Windows that were looked at. */
  windows = 0;
  readonly #looked = new Map<Job, number>();

  constructor(private readonly report: Report) {}

  /** @param restarts of what has buckets, ms of `now` */
  look(job: Job, restarts: readonly number[]): void {
    const { counts } = job;
    const from = this.#looked.get(job) ?? 0;
    let start = 0;
    for (let end = 0; end < counts.length; end++) {
      const last = counts[end] as Counted;
      while (last.t - (counts[start + 1]?.t ?? last.t) >= WINDOW_MS) start++;
      const first = counts[start] as Counted;
      if (last.t <= from || last.t - first.t < WINDOW_MS) continue;
      this.#looked.set(job, last.t);
      this.windows++;
      this.#judge(job, first, last, restarts);
    }
    const { budget } = job;
    const had = counts.at(-1)?.down ?? 0;
    if (budget !== undefined && had > budget) this.report(`budget: ${job.id} had ${had} of ${budget} bytes`);
  }

  #judge(job: Job, first: Counted, last: Counted, restarts: readonly number[]): void {
    const again = restarts.filter((t) => t > first.t - WINDOW_MS && t <= last.t).length;
    const rate = highestRate(job, first.t, last.t);
    // Two bodies may have been nearly there before the window began.
    const most = (rate / 8) * ((last.t - first.t) / 1000 + 1) * 1.02 + SLACK + BURST * (1 + again);
    for (const direction of ['down', 'up'] as const) {
      const had = last[direction] - first[direction];
      if (had > most) {
        const seconds = (last.t - first.t) / 1000;
        const mbit = ((had * 8) / seconds / 1e6).toFixed(2);
        this.report(
          `rate: ${job.id} had ${had} bytes ${direction} in ${seconds} s, ${mbit} of ${rate / 1e6} Mbit/s`,
        );
      }
    }
  }

  forget(job: Job): void {
    this.#looked.delete(job);
  }
}

/** Of the rates that held within a time, each until the next one began. */
function highestRate({ rates }: Job, from: number, to: number): number {
  const held = rates.filter((one, i) => one.from <= to && (rates[i + 1]?.from ?? now()) >= from);
  return Math.max(...held.map(({ rate }) => rate));
}
