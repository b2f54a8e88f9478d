import type { Job } from '../job.js';
import { now, waitFor } from '../now.js';
import type { World } from '../world.js';
import { gatewayNetworks } from './left.js';
import type { Report } from './reached.js';

/** Ms within which a worker that ended three times closes a job's gateway: docs/operators.md. */
const PROBATION_MS = 600_000;
const LOSSES = 3;

/** What a round of steps did that a job's end may come of, by the documentation. */
export interface Excuses {
  readonly engine: boolean;
  readonly serve: boolean;
}

/** What should live, lives again within its time. */
export class Alive {
  /** The longest that it took, ms, and jobs that had to begin anew, with why. */
  longest = 0;
  readonly renewed: string[] = [];

  constructor(private readonly report: Report) {}

  /** Waits until all jobs are served again. @returns ms that it took; undefined where it did not come in time */
  async settle(world: World, withinMs: number, excuses: Excuses): Promise<number | undefined> {
    const began = now();
    let waiting: Job[] = [];
    const all = async () => {
      waiting = [];
      for (const job of [...world.jobs.values()]) {
        if (!(await this.#lives(world, job, began, excuses))) waiting.push(job);
      }
      return waiting.length === 0 && world.serve.isReady();
    };
    if (!(await waitFor(all, withinMs))) {
      const said = await Promise.all(waiting.map((job) => this.#state(job)));
      this.report(`alive: not served again within ${withinMs / 1000} s: ${said.join('; ') || 'a serve'}`);
      return undefined;
    }
    const took = now() - began;
    this.longest = Math.max(this.longest, took);
    return took;
  }

  async #lives(world: World, job: Job, since: number, excuses: Excuses): Promise<boolean> {
    const { serve } = world;
    if (!job.isStarted) {
      // Its serve or the engine were away when it was to begin.
      if (await serve.isReady()) await this.#renew(world, job);
      return false;
    }
    await job.startAgain().catch(() => {});
    const answer = job.gateway ? await serve.tryAsk(`/v1/gateways/${job.gateway}`) : undefined;
    const state = answer?.status === 200 ? answer.body.state : answer?.status;
    // One whose network is there is to be opened again yet.
    const isLeft = state === 404 && (await gatewayNetworks()).includes(job.network);
    const why = isLeft ? undefined : this.#mayEnd(job, state, excuses);
    if (why) {
      this.renewed.push(`${job.id}: ${why}`);
      await this.#renew(world, job);
      return false;
    }
    if (state === 'failed') this.report(`alive: the gateway of ${job.id} is closed: ${answer?.body.reason}`);
    return state === 'open' && job.lastBeat > since;
  }

  async #renew(world: World, job: Job): Promise<void> {
    await job.end();
    await world.begin(job.slot).catch(() => {}); // tried again
  }

  /** Why a job has no gateway any more, where the documentation says that it may be so. */
  #mayEnd({ slot }: Job, state: string | number | undefined, { engine, serve }: Excuses): string | undefined {
    const recent = now() - PROBATION_MS;
    const losses = slot.serve.workerEnds.filter((t) => t > recent).length;
    // A serve that ends closes what had failed: it is started again to place another job elsewhere.
    const isClosed = state === 'failed' || state === 404;
    if (isClosed && losses >= LOSSES) return `workers ended ${losses} times within ten minutes`;
    // Its container had ended with the engine, and so had its serve: there was no job for the next one.
    if ((state === 404 || state === 'closed') && engine && serve)
      return 'the engine ended it while its serve was away';
    return undefined;
  }

  async #state(job: Job): Promise<string> {
    const running = await job.look().catch(() => false);
    const view = await job.view();
    const beat = ((now() - job.lastBeat) / 1000).toFixed(1);
    return `${job.id} (${running ? 'runs' : 'does not run'}, gateway ${view?.state ?? 'none'}, last served ${beat} s ago)`;
  }
}
