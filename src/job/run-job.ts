import { MAX_PROGRAM } from '../../admission/argument-limits.js';
import {
  type Attachment,
  type ContainerSpec,
  containerOptions,
  type Mount,
  START_MS,
  type StartedContainer,
  StartGivenUp,
  type Stdio,
  startContainer,
} from '../../docker/engine/container.js';
import type { Engine } from '../../docker/engine/engine.js';
import { EngineError } from '../../docker/engine/errors.js';
import { ensureImage, type PullPolicy } from '../../docker/engine/image.js';
import { assertMountable } from '../../docker/engine/podman.js';
import type { Gateway, OpenGateway } from '../../docker/gateway/gateway.js';
import { containerName, type Owner } from '../../docker/gateway/owner.js';
import type { Budget } from '../../proxy/policy/budget.js';
import { named } from '../../proxy/policy/job-name.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { OperatorPolicy } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import type { During } from '../progress.js';
import type { AdmittedJob } from './admit.js';
import { DenialSummary } from './denial-summary.js';
import type { DenialRow } from './denial-text.js';
import { jobEnv } from './job-env.js';
import { LearnedDomains } from './learned-domains.js';

export interface RunJobOptions {
  readonly engine: Engine;
  readonly owner: Owner;
  readonly operator: OperatorPolicy;
  /** bit/s in each direction; null is unlimited. */
  readonly rate: number | null;
  /** What the job may exchange in all; of it and the operator's the smaller holds. */
  readonly budget?: Budget | null;
  /** Let the job reach what it does not declare, and say at the end what it needs. */
  readonly learn?: boolean;
  readonly openGateway: OpenGateway;
  /** Give the job JAVA_TOOL_OPTIONS and NODE_USE_ENV_PROXY. Default: where its names are not answered. */
  readonly runtimeVariables?: boolean | undefined;
  readonly stdio: Stdio;
  readonly logger: Logger;
  /** Does what may take long, a person being told what it is (`opening the gateway`). Default: nobody is. */
  readonly during?: During;
  /** Told how the pull of the image goes, a line now and then. */
  readonly onPull?: (line: string) => void;
  /** Mounts that the operator gives, beside the job's inputs. */
  readonly mounts?: readonly Mount[];
  /** Default `missing`. */
  readonly pull?: PullPolicy;
  /** `linux/arm64`, for engines that run several. */
  readonly platform?: string;
  /** Time limit of the job, ms; the job's own where absent. */
  readonly timeoutMs?: number;
  /** Time between SIGTERM and SIGKILL, ms. Default 10 s, as `docker stop`. */
  readonly graceMs?: number;
  /** Aborted to stop the job: SIGTERM, and SIGKILL after the grace period. */
  readonly stop?: AbortSignal;
  /** Aborted to end the job at once. */
  readonly kill?: AbortSignal;
  /** The job's container runs. */
  readonly onStarted?: () => void;
  readonly onEvent?: (event: ProxyEvent) => void;
}

export interface JobResult {
  /** `exited` by itself, or ended by the time limit or by `stop`. */
  readonly ended: 'exited' | 'timeout' | 'stopped';
  /** The job's exit code; of a job that did not exit by itself the one it ended with, if any. */
  readonly exitCode: number | undefined;
  /** What its proxy refused. */
  readonly denials: readonly DenialRow[];
  /** The same for a person; empty where nothing was refused. */
  readonly denialText: string;
  /** Of a job that learns: the domains that it needs, and the same for a person. */
  readonly learned?: { readonly domains: readonly string[]; readonly text: string };
}

/** Time for the rest of a job's output after it was made to end, ms: whoever reads it may not read any more. */
const OUTPUT_GRACE_MS = 2000;

/** What a start may take whatever the job's time limit, ms: a busy engine needs it. */
const LEAST_START_MS = 10_000;
/** For an engine to come back, where nobody waits for what it does any more, ms. */
const GIVEN_UP_MS = 5000;

/**
 * Runs an admitted job to its end: image, gateway, container. Whatever happens, the container and the gateway are
 * gone when this settles; where the engine does not come back from starting the container, they go when it does.
 *
 * @throws PolicyError for a policy that cannot be kept, CommandError where the image's command cannot be started,
 *   GatewayError where the engine, the network or the lock-down fails, and the reason of `stop` where that is aborted
 *   before the start.
 */
export async function runJob(job: AdmittedJob, options: RunJobOptions): Promise<JobResult> {
  const { engine, logger, stop, during = (_what, work) => work() } = options;
  const summary = new DenialSummary();
  const learned =
    options.learn && job.network.type === 'HTTP'
      ? new LearnedDomains(job.network.domains, options.operator.allowPorts)
      : undefined;

  let getting = `looking for image ${job.engine.image}`;
  const onProgress = (line: string) => {
    getting = line;
    options.onPull?.(line);
  };
  const image = await during(
    () => getting,
    () =>
      ensureImage(engine.docker, job.engine.image, {
        ...(options.pull && { pull: options.pull }),
        ...(options.platform && { platform: options.platform }),
        ...(stop && { signal: stop }),
        onProgress,
      }),
  );
  stop?.throwIfAborted();
  checkProgram(job, image.Config);

  /** The removal of a container that the engine does not come back from. */
  let left: Promise<void> | undefined;
  const gateway =
    job.network.type === 'HTTP'
      ? await during('opening the gateway', () =>
          unlessStopped(openGateway(job, options, { summary, learned }), stop),
        )
      : undefined;
  // Never before the container is gone.
  await using _closed = { [Symbol.asyncDispose]: async () => (left ? undefined : gateway?.close()) };
  stop?.throwIfAborted();

  const env = gateway ? jobEnv(job, gateway, image.Config?.Env ?? [], options) : job.engine.env;
  const spec = containerSpec(job, env, options);
  assertMountable(engine, spec.mounts);
  const create = containerOptions(spec, attachment(job, gateway));
  const timeoutMs = options.timeoutMs ?? job.timeoutMs;
  const result = (ended: Pick<JobResult, 'ended' | 'exitCode'>): JobResult => ({
    ...ended,
    denials: summary.rows(),
    denialText: summary.text(),
    ...(learned && { learned: { domains: learned.list(), text: learned.text() } }),
  });
  const startMs = Math.max(LEAST_START_MS, timeoutMs ?? START_MS);
  const giveUp = givesUp(options);
  const start = startContainer(engine.docker, create, options.stdio, {
    signal: giveUp.signal,
    deadlineMs: startMs,
  });
  const failure = await during('starting the container', () =>
    start.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  giveUp[Symbol.dispose]();
  if (failure instanceof StartGivenUp) {
    const { removed } = failure;
    if (!(await settles(removed, GIVEN_UP_MS))) {
      logger.warn({ job: job.id }, 'the engine does not answer: the container is removed when it does');
      left = removed.then(() => gateway?.close());
      left.catch((error) => logger.warn({ job: job.id, err: error }, 'the gateway could not be closed'));
    }
    stop?.throwIfAborted();
    if (timeoutMs !== undefined && startMs <= START_MS) {
      return result({ ended: 'timeout', exitCode: undefined });
    }
  }
  await using container = await start;
  options.onStarted?.();
  if (gateway) {
    const address = await container.addressOn(gateway.network.name);
    if (address) gateway.setContainer(address);
  }
  const ended = await end(container, gateway, { ...options, timeoutMs });
  await during('removing the container', () => container.remove());
  // It tells its last decisions while it closes.
  if (gateway) await during('closing the gateway', () => gateway.close());
  return result(ended);
}

/** The engine's runtime never comes back from a program with too long a path; an image can have one of its own. */
function checkProgram(
  { engine: { image, entrypoint, command } }: AdmittedJob,
  config: { readonly Entrypoint?: string | string[] | undefined } | undefined,
): void {
  const [program = ''] = [...(entrypoint ?? [config?.Entrypoint ?? []].flat()), ...command];
  if (Buffer.byteLength(program) <= MAX_PROGRAM) return;
  throw new EngineError(
    `image ${image} cannot start: the path of its program has ${Buffer.byteLength(program)} bytes, at most ${MAX_PROGRAM} are possible`,
  );
}

/** What is opened is closed again where it comes too late. */
async function unlessStopped(opening: Promise<Gateway>, stop: AbortSignal | undefined): Promise<Gateway> {
  const done = new AbortController();
  try {
    const first = await Promise.race([
      opening,
      aborted(stop, done.signal).then(() => after(GIVEN_UP_MS, done.signal)),
    ]);
    if (first) return first;
    opening.then((gateway) => gateway.close()).catch(() => {});
    throw stop?.reason;
  } finally {
    done.abort();
  }
}

/** Aborted where a start is not waited for any more: some time after the job is to stop, at once where it is to end. */
function givesUp({ stop, kill }: RunJobOptions): Disposable & { readonly signal: AbortSignal } {
  const giveUp = new AbortController();
  const done = new AbortController();
  void aborted(stop, done.signal)
    .then(() => after(GIVEN_UP_MS, done.signal))
    .then(() => giveUp.abort());
  void aborted(kill, done.signal).then(() => giveUp.abort());
  return { signal: giveUp.signal, [Symbol.dispose]: () => done.abort() };
}

/** Whether it settles within so many ms. */
async function settles(work: Promise<void>, ms: number): Promise<boolean> {
  const done = new AbortController();
  try {
    return await Promise.race([work.then(() => true), after(ms, done.signal).then(() => false)]);
  } finally {
    done.abort();
  }
}

function openGateway(
  job: AdmittedJob,
  options: RunJobOptions,
  { summary, learned }: { summary: DenialSummary; learned: LearnedDomains | undefined },
): Promise<Gateway> {
  return options.openGateway({
    engine: options.engine,
    owner: options.owner,
    policy: {
      job: {
        job: job.id,
        ...(job.executionId && { execution: job.executionId }),
        ...named(job.name),
        allow: job.network.domains,
        rate: options.rate,
        ...(options.budget && { budget: options.budget }),
        ...(options.learn && { learn: true }),
      },
      operator: options.operator,
    },
    logger: options.logger,
    onEvent: (event) => {
      summary.add(event);
      learned?.add(event);
      options.onEvent?.(event);
    },
  });
}

function attachment(job: AdmittedJob, gateway: Gateway | undefined): Attachment {
  switch (job.network.type) {
    case 'HTTP':
      // Never anything weaker: without a gateway there is no network.
      return gateway
        ? { kind: 'isolated', network: gateway.network.name, names: gateway.names }
        : { kind: 'none' };
    case 'Host':
      return { kind: 'host' };
    case 'Bridge':
      return { kind: 'bridge' };
    case 'None':
      return { kind: 'none' };
  }
}

function containerSpec(
  job: AdmittedJob,
  env: Readonly<Record<string, string>>,
  options: RunJobOptions,
): ContainerSpec {
  const inputs = job.inputs.map((input) => ({
    source: input.source as string,
    target: input.target,
    readOnly: input.readOnly,
  }));
  return {
    ...job.engine,
    ...job.resources,
    name: containerName(options.owner),
    env,
    mounts: [...inputs, ...(options.mounts ?? [])],
    stdin: options.stdio.stdin !== undefined,
    ...(options.platform && { platform: options.platform }),
  };
}

interface EndOptions extends Pick<RunJobOptions, 'stop' | 'kill' | 'graceMs'> {
  readonly timeoutMs: number | undefined;
}

async function end(
  container: StartedContainer,
  gateway: Gateway | undefined,
  { stop, kill, timeoutMs, graceMs = 10_000 }: EndOptions,
): Promise<Pick<JobResult, 'ended' | 'exitCode'>> {
  const settled = new AbortController();
  try {
    const first = await Promise.race([
      container.exited.then((exitCode) => ({ ended: 'exited' as const, exitCode })),
      after(timeoutMs, settled.signal).then(() => 'timeout' as const),
      aborted(stop, settled.signal).then(() => 'stopped' as const),
      // A gateway without its lock-down is closed and its job is cut off: the run has failed.
      gateway?.failed.then((error) => Promise.reject(error)) ?? new Promise<never>(() => {}),
    ]);
    if (typeof first === 'object') return first;
    await Promise.race([
      container.stop(graceMs),
      aborted(kill, settled.signal).then(() => container.remove()),
      // An engine whose output is not taken does not answer; removing the container does not need its answer.
      after(graceMs + OUTPUT_GRACE_MS, settled.signal),
    ]);
    const exitCode = await Promise.race([
      container.exited.catch(() => undefined),
      after(OUTPUT_GRACE_MS, settled.signal).then(() => undefined),
    ]);
    return { ended: first, exitCode };
  } finally {
    settled.abort();
  }
}

/** Settles after `ms`; never where that is undefined. The timer goes with `done`. */
function after(ms: number | undefined, done: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ms === undefined) return;
    const timer = setTimeout(resolve, ms);
    done.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}

function aborted(signal: AbortSignal | undefined, done: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    signal?.addEventListener('abort', () => resolve(), { once: true, signal: done });
  });
}
