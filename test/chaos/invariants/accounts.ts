import type { OriginEvent } from '../../support/internet.js';
import type { Counted, Job } from '../job.js';
import { sleep, waitFor } from '../now.js';
import type { World } from '../world.js';
import type { Report } from './reached.js';

/** For what is under way to end, ms. */
const QUIET_MS = 1_600;
/** For figures to come, ms: workers tell them each second, on a busy machine later. */
const FIGURES_MS = 1_200;
const MOST_MS = 12_000;
const BUSY_MS = 3_000;
/** Beats, tries and their answers go on while the loads pause; and a part for what each side counts a little later. */
const SMALL = 96_000;
const PART = 0.04;

export interface Account {
  readonly job: string;
  readonly total: { readonly up: number; readonly down: number; readonly allowed: number };
  readonly hosts: readonly { readonly host: string; readonly allowed: number; readonly down: number }[];
}

/** Nobody's traffic is in another's account, and all of it is in one: what jobs had, what origins saw, what accounts say. */
export class Accounts {
  /** Accounts that were compared, and bytes in them. */
  compared = 0;
  bytes = 0;
  /** Requests that origins had of each job, in the clear. */
  readonly #requests = new Map<string, number>();

  constructor(private readonly report: Report) {}

  onOrigin({ kind, headers }: OriginEvent): void {
    const job = headers?.['x-bacalhau-job-id'];
    if (kind === 'request' && typeof job === 'string')
      this.#requests.set(job, (this.#requests.get(job) ?? 0) + 1);
  }

  /**
   * Looks at what each account grew by in some seconds, while nothing is done to anybody.
   * @param mix what comes between, where a fault is planted
   */
  async look(
    world: World,
    mix?: (accounts: (Account | undefined)[]) => (Account | undefined)[],
  ): Promise<void> {
    const jobs = [...world.jobs.values()];
    const moment = async () => {
      for (const job of jobs) job.pause(true);
      await sleep(QUIET_MS);
      await waitFor(() => this.#isQuiet(jobs), MOST_MS, 500);
      await world.net.seen();
      const asked = await this.#settled(jobs);
      const accounts = mix?.(asked) ?? asked;
      return jobs.map((job, i) => ({
        account: accounts[i],
        counts: job.counts.at(-1) ?? { t: 0, down: 0, up: 0, maybe: { down: 0, up: 0 }, pending: 0 },
        requests: this.#requests.get(job.id) ?? 0,
      }));
    };
    const before = await moment();
    for (const job of jobs) job.pause(false);
    await sleep(BUSY_MS);
    const after = await moment();
    for (const job of jobs) job.pause(false);
    for (const [i, job] of jobs.entries()) {
      const [first, last] = [before[i], after[i]];
      if (!first?.account || !last?.account) this.report(`account: ${job.id} has none`);
      else this.#judge(world, job, { ...first, account: first.account }, { ...last, account: last.account });
    }
  }

  #isQuiet(jobs: readonly Job[]): boolean {
    return jobs.every(({ counts }) => {
      const last = counts.at(-1);
      const before = counts.findLast(({ t }) => last && last.t - t >= 1_000);
      const moved = last && before && last.down - before.down + last.up - before.up;
      return moved !== undefined && moved < SMALL / 2 && last?.pending === 0;
    });
  }

  /** The accounts once they have all of it: a worker of a busy machine may be late once. */
  async #settled(jobs: readonly Job[]): Promise<(Account | undefined)[]> {
    const ask = () => Promise.all(jobs.map((job) => this.#account(job)));
    const bytes = (account: Account | undefined) => (account ? account.total.up + account.total.down : 0);
    let asked = await ask();
    let same = 0;
    const isSame = async () => {
      const before = asked;
      asked = await ask();
      same = asked.every((one, i) => bytes(one) - bytes(before[i]) < SMALL / 8) ? same + 1 : 0;
      return same >= 2;
    };
    await sleep(FIGURES_MS);
    await waitFor(isSame, MOST_MS, FIGURES_MS);
    return asked;
  }

  async #account(job: Job): Promise<Account | undefined> {
    const answer = await job.slot.serve.tryAsk(`/v1/gateways/${job.gateway}/account`);
    return answer?.status === 200 ? answer.body : undefined;
  }

  #judge(world: World, job: Job, first: Sample, last: Sample): void {
    this.compared++;
    if (last.account.job !== job.id)
      this.report(`account: that of ${job.id} says that it is of ${last.account.job}`);
    const others = world.slots.filter(({ name }) => name !== job.slot.name);
    for (const { host, allowed } of last.account.hosts) {
      if (allowed > 0 && others.some(({ own, extra }) => host === own || host === extra)) {
        this.report(`account: that of ${job.id} has ${host}, which it may not reach`);
      }
    }
    for (const direction of ['down', 'up'] as const) {
      const had = last.counts[direction] - first.counts[direction];
      const said = last.account.total[direction] - first.account.total[direction];
      this.bytes += said;
      const most = had + last.counts.maybe[direction] - first.counts.maybe[direction];
      // Two bodies may have passed before, and been told after.
      const before = direction === 'up' ? job.slot.rate / 8 : 0;
      if (said < had * (1 - PART) - SMALL - before || said > most * (1 + PART) + SMALL) {
        this.report(
          `account: ${job.id} had ${had} bytes ${direction} (${most} at most) and its account ${said}; ${JSON.stringify({ first, last })}`,
        );
      }
    }
    const seen = last.requests - first.requests;
    const allowed = last.account.total.allowed - first.account.total.allowed;
    // Tunnels are one decision and no request that an origin can tell whose it is; refused upgrades are none.
    if (seen > allowed + 3)
      this.report(`account: origins had ${seen} requests of ${job.id} and its account ${allowed}`);
  }
}

interface Sample {
  readonly account: Account;
  readonly counts: Counted;
  readonly requests: number;
}
