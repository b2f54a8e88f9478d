import type { Below } from '../soak/runner.js';
import type { Reached } from './invariants/reached.js';
import type { Job } from './job.js';
import { now, sleep, waitFor } from './now.js';
import type { World } from './world.js';

/** Of a budget that is nearly used up, a change makes so many more, bytes. */
const MORE = 3_000_000;
const NEAR = 0.8;

/** Changes policies all the while: rates, what may be reached, budgets. What a change says is told before, what it takes away after. */
export class Patches {
  /** That were answered, and refused or not answered. */
  done = 0;
  failed = 0;
  #over = false;
  #pausing = false;
  #busy: Promise<void> = Promise.resolve();
  readonly #left = new Set<Job>();

  constructor(
    private readonly world: World,
    private readonly reached: Reached,
    private readonly below: Below,
  ) {}

  /** Until `end`. */
  async run(): Promise<void> {
    while (!this.#over) {
      await sleep(300 + this.below(1_500));
      if (this.#over || this.#pausing) continue;
      this.#busy = this.#one();
      await this.#busy;
    }
  }

  /** What is under way is waited for. */
  async pause(yes: boolean): Promise<void> {
    this.#pausing = yes;
    if (yes) await this.#busy;
  }

  /** What a job has stays as it is. */
  leave(job: Job): void {
    this.#left.add(job);
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#busy;
  }

  async #one(): Promise<void> {
    const jobs = [...this.world.jobs.values()].filter((job) => job.isStarted && !this.#left.has(job));
    const [index, kind, part] = [this.below(60), this.below(3), 25 * (1 + this.below(4))];
    const job = jobs[index % jobs.length];
    if (!job) return;
    const used = job.budget !== undefined && (job.counts.at(-1)?.down ?? 0) > NEAR * job.budget;
    if (used) await this.#budget(job);
    else if (kind === 0) await this.#rate(job, (job.slot.rate * part) / 100);
    else if (kind === 1) await this.allowExtra(job);
    else await this.denyExtra(job);
  }

  async #patch(job: Job, body: object): Promise<boolean> {
    const options = { method: 'PATCH', body, headers: { 'if-match': '*' } };
    const answer = job.gateway && (await job.slot.serve.tryAsk(`/v1/gateways/${job.gateway}`, options));
    const done = answer !== '' && answer?.status === 200;
    if (done) this.done++;
    else this.failed++;
    return done;
  }

  async #rate(job: Job, rate: number): Promise<void> {
    const before = job.rates.at(-1)?.rate ?? rate;
    job.rates.push({ from: now(), rate: Math.max(rate, before) });
    if (await this.#patch(job, { rate: `${rate / 1000}kbit` })) job.rates.push({ from: now(), rate });
  }

  async #budget(job: Job): Promise<void> {
    job.budget = (job.budget ?? 0) + MORE;
    await this.#patch(job, { budget: `down=${job.budget}` });
  }

  /** @returns whether it may be reached now. */
  allowExtra(job: Job): Promise<boolean> {
    this.reached.may(job.slot.extra, true);
    return this.#patch(job, { allow: [job.slot.extra] });
  }

  async denyExtra(job: Job): Promise<boolean> {
    const done = await this.#patch(job, { deny: [job.slot.extra] });
    if (done) this.reached.may(job.slot.extra, false);
    return done;
  }

  /** What a change lets through, is reached: so it would be seen elsewhere. @returns what is wrong with that */
  async control(job: Job, withinMs: number): Promise<string | undefined> {
    if (this.#left.has(job)) return undefined;
    if (job.budget !== undefined) await this.#budget(job);
    if (!(await this.allowExtra(job))) return `${job.id} cannot be let reach ${job.slot.extra}`;
    const since = now();
    if (!(await waitFor(() => job.lastExtra > since, withinMs))) {
      return `${job.id} does not reach ${job.slot.extra}, which was allowed`;
    }
    return (await this.denyExtra(job)) ? undefined : `${job.slot.extra} cannot be taken from ${job.id}`;
  }
}
