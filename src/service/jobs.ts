import { isDeepStrictEqual } from 'node:util';
import type { Job } from '../../admission/job.js';
import type { OpenGateway } from '../../docker/gateway/gateway.js';
import type { Owner } from '../../docker/gateway/owner.js';
import { Ledger } from '../../proxy/budget/ledger.js';
import { jobName } from '../../proxy/policy/job-name.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { OperatorPolicy } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import type { AdmittedJob } from '../job/admit.js';
import { type JobResult, runJob } from '../job/run-job.js';
import { ApiError } from './api-error.js';
import type { EngineLink } from './engine-link.js';
import type { EventHub } from './event-hub.js';
import type { Gateways } from './gateways.js';
import { JobLog } from './job-log.js';
import { logWithIds } from './log-with-ids.js';

interface JobsOptions {
  readonly link: EngineLink;
  /** Of kind `run`: what dies with this serve is removed by the next start. */
  readonly owner: Owner;
  readonly operator: OperatorPolicy;
  readonly rate: number | null;
  readonly openGateway: OpenGateway;
  readonly runtimeVariables: boolean | undefined;
  readonly gateways: Gateways;
  readonly hub: EventHub;
  readonly logger: Logger;
  readonly admit: (job: Job & { readonly id: string }) => Promise<AdmittedJob>;
}

export const JOB_STATES = ['starting', 'running', 'stopping', 'ended', 'failed'] as const;
type JobState = (typeof JOB_STATES)[number];

/** So many jobs that have ended are remembered. */
const REMEMBERED = 500;
/** Of their output so much is kept, bytes; of the last that ended first. */
const REMEMBERED_OUTPUT = 64 << 20;

/** A job that this serve runs, or ran. */
export class ServedJob {
  state: JobState = 'starting';
  reason: string | undefined;
  result: JobResult | undefined;
  endedAt: Date | undefined;
  readonly created = new Date();
  readonly log = new JobLog();
  readonly stop = new AbortController();
  /** Settles when the job is gone, however it ended. */
  done: Promise<void> = Promise.resolve();

  constructor(readonly job: AdmittedJob) {}

  get ids(): { readonly job: string; readonly execution?: string } {
    const { id, executionId } = this.job;
    return { job: id, ...(executionId !== undefined && { execution: executionId }) };
  }

  get hasEnded(): boolean {
    return this.state === 'ended' || this.state === 'failed';
  }

  view() {
    const { job, result } = this;
    return {
      id: job.id,
      ...(job.executionId !== undefined && { executionId: job.executionId }),
      name: jobName(job.name) ?? job.id,
      state: this.state,
      created: this.created.toISOString(),
      ...(this.endedAt && { ended: this.endedAt.toISOString() }),
      image: job.engine.image,
      network: { Type: job.network.type, Domains: [...job.network.domains] },
      ignored: [...job.ignored],
      ...(this.reason !== undefined && { reason: this.reason }),
      ...(result && {
        result: { how: result.ended, exitCode: result.exitCode ?? null, denials: [...result.denials] },
      }),
    };
  }
}

/** The jobs that this serve runs itself. They end with it. */
export class Jobs {
  readonly #options: JobsOptions;
  readonly #byId = new Map<string, { readonly job: Job; readonly served: Promise<ServedJob> }>();
  readonly #served = new Map<string, ServedJob>();
  #closing = false;

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  list(): ServedJob[] {
    return [...this.#served.values()];
  }

  /** @throws ApiError for an id that is not known. */
  get(id: string): ServedJob {
    const found = this.#served.get(id);
    if (!found) throw new ApiError('not-found', `there is no job ${id}`);
    return found;
  }

  /**
   * Starts a job; asked again for the same, gives the same.
   *
   * @throws ApiError `conflict` where the id is that of another job; AdmissionRefused.
   */
  async start(job: Job & { readonly id: string }): Promise<{ served: ServedJob; created: boolean }> {
    const known = this.#byId.get(job.id);
    if (known) {
      if (isDeepStrictEqual(known.job, job)) return { served: await known.served, created: false };
      throw new ApiError('conflict', `job ${job.id} is another one: delete it first, or use another id`);
    }
    if (this.#closing) throw new ApiError('closing', 'this serve is ending: ask the next one');
    const served = this.#admitted(job);
    this.#byId.set(job.id, { job, served });
    try {
      return { served: await served, created: true };
    } catch (error) {
      this.#byId.delete(job.id);
      throw error;
    }
  }

  /** Stops a job that runs: SIGTERM, then SIGKILL; one that has ended is forgotten. */
  async remove(id: string): Promise<ServedJob> {
    const served = this.get(id);
    if (served.hasEnded) {
      this.#forget(id);
      return served;
    }
    this.#become(served, 'stopping');
    served.stop.abort(new Error('the job was stopped'));
    await served.done;
    return served;
  }

  stopTaking(): void {
    this.#closing = true;
  }

  /** Gives jobs `ms` to end, then stops them. */
  async close(ms: number): Promise<void> {
    this.#closing = true;
    await Promise.allSettled([...this.#byId.values()].map(({ served }) => served));
    const running = this.list().filter((one) => !one.hasEnded);
    if (running.length === 0) return;
    const all = Promise.all(running.map(({ done }) => done));
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, ms).unref())]);
    for (const one of running) {
      if (!one.hasEnded) one.stop.abort(new Error('this serve is ending'));
    }
    await all;
  }

  async #admitted(job: Job & { readonly id: string }): Promise<ServedJob> {
    const { link, admit } = this.#options;
    const { engine } = link;
    const admitted = await admit(job);
    if (this.#closing) throw new ApiError('closing', 'this serve is ending: ask the next one');
    const served = new ServedJob(admitted);
    this.#served.set(job.id, served);
    this.#forgetOld();
    served.done = this.#run(served, engine);
    return served;
  }

  async #run(served: ServedJob, engine: EngineLink['engine']): Promise<void> {
    const { owner, operator, rate, openGateway, gateways, hub, logger, runtimeVariables } = this.#options;
    const { job } = served;
    this.#become(served, 'starting');
    let gateway = '';
    let untrack = () => {};
    try {
      served.result = await runJob(job, {
        engine,
        owner,
        operator,
        rate,
        openGateway: async (options) => {
          const ledger = new Ledger();
          const opened = await openGateway({ ...options, ledger });
          gateway = opened.id;
          untrack = gateways.track(opened, options.policy.job, job, ledger);
          return opened;
        },
        stdio: { stdout: served.log.sink('stdout'), stderr: served.log.sink('stderr') },
        logger: logWithIds(logger, served.ids),
        runtimeVariables,
        stop: served.stop.signal,
        onStarted: () => this.#become(served, 'running'),
        onEvent: (event: ProxyEvent) => hub.publish({ ...event, gateway }),
      });
      served.endedAt = new Date();
      this.#become(served, 'ended');
    } catch (error) {
      served.endedAt = new Date();
      served.reason = error instanceof Error ? error.message : String(error);
      this.#become(served, 'failed');
    } finally {
      untrack();
      served.log.end();
      this.#forgetOldOutput();
    }
  }

  #become(served: ServedJob, state: JobState): void {
    // A job that is being stopped has started meanwhile.
    if (served.state === 'stopping' && state === 'running') return;
    served.state = state;
    const { ids, reason } = served;
    const about = { ...ids, state, ...(reason !== undefined && { reason }) };
    this.#options.logger.info({ event: 'job', ...about }, `job ${state}`);
    this.#options.hub.publish({ type: 'job', time: Date.now(), ...about });
  }

  #forgetOld(): void {
    const ended = this.list().filter((one) => one.hasEnded);
    for (const { job } of ended.slice(0, Math.max(0, ended.length - REMEMBERED))) this.#forget(job.id);
  }

  #forgetOldOutput(): void {
    let size = 0;
    for (const { log } of this.list()
      .filter((one) => one.hasEnded)
      .sort(byEnd)) {
      size += log.size;
      if (size > REMEMBERED_OUTPUT) log.drop();
    }
  }

  #forget(id: string): void {
    this.#served.delete(id);
    this.#byId.delete(id);
  }
}

const byEnd = (a: ServedJob, b: ServedJob) => (b.endedAt?.getTime() ?? 0) - (a.endedAt?.getTime() ?? 0);
