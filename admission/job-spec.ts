import { parseBytes } from '../proxy/policy/bytes.js';
import { argumentProblems } from './argument-limits.js';
import { findForbidden, forbiddenRequest } from './forbidden-requests.js';
import { imageProblem } from './image-reference.js';
import { pathProblem } from './input-path.js';
import type { Input, Job } from './job.js';
import { isLocalType } from './job.js';
import { dockerJobSchema, type JobSpec, otherJobSchema, type TaskSpec } from './job-schema.js';
import { fromV1beta2, isV1beta2, oldSegments } from './job-spec-v1beta2.js';
import { isRecord, KnownKeys, readBySchema, spellings } from './known-keys.js';
import { parseNetwork } from './network-spec.js';
import {
  andMore,
  formatPath,
  type LocatedProblem,
  type PathSegment,
  Problems,
  quote,
  type SpecProblem,
} from './problem.js';
import { parseCpu, type Quantity } from './quantities.js';
import { refusedByRun } from './run-limits.js';
import { limitProblem } from './spec-limits.js';

export interface JobSpecOptions {
  /**
   * `admission`: the spec comes from a node, which sends many fields: what has no meaning here is ignored.
   * `run`: jobgate is to run the job itself: what it cannot do, and what it doesn't know, is a problem.
   */
  readonly purpose: 'admission' | 'run';
  /** Ports below 1024 that the operator lets a job's domains name. */
  readonly allowPorts?: readonly number[];
}

/** The job, or the first problems and how many more there are. */
export type ParsedSpec =
  | { readonly ok: true; readonly value: Job }
  | { readonly ok: false; readonly problems: readonly SpecProblem[] };

/**
 * Reads a job spec in any shape of the reference: 1.5 and later, V1beta2, and the bodies that nodes send to probes
 * (`{"Job": …}`, and before 1.4 `{"node_id", "job_id", "spec"}`). The first problems are told at once, each with its
 * path in the shape that was given; the last one says how many more there are.
 */
export function parseJobSpec(value: unknown, options: JobSpecOptions): ParsedSpec {
  const read = readJobSpec(value, options);
  if (read.ok) return read;
  const problems = read.first.map(({ segments, problem }) => ({ path: formatPath(segments), problem }));
  return {
    ok: false,
    problems: read.more > 0 ? [...problems, { path: '', problem: andMore(read.more) }] : problems,
  };
}

/** The job, or the first problems, and how many more there are. */
type ReadJobSpec =
  | { readonly ok: true; readonly value: Job }
  | { readonly ok: false; readonly first: readonly LocatedProblem[]; readonly more: number };

/** {@link parseJobSpec} for who says in another way where the problems are. */
export function readJobSpec(value: unknown, options: JobSpecOptions): ReadJobSpec {
  const problems = new Problems();
  const tooLarge = limitProblem(value);
  if (tooLarge !== undefined) problems.add([], tooLarge);
  const shape = tooLarge === undefined ? unwrap(value, problems) : undefined;
  if (!shape) return failed(problems);
  const job = shape.old
    ? parseOld(shape.spec, options, problems)
    : parseCurrent(shape.spec, options, problems);
  if (job && problems.areNone) return { ok: true, value: job };
  return failed(problems, shape.prefix);
}

function failed(problems: Problems, prefix: readonly PathSegment[] = []): ReadJobSpec {
  const first = problems.first.map(({ segments, problem }) => ({
    segments: [...prefix, ...segments],
    problem,
  }));
  return { ok: false, first, more: problems.more };
}

interface Shape {
  readonly old: boolean;
  readonly spec: Record<string, unknown>;
  readonly prefix: readonly PathSegment[];
}

// Which of the reference's shapes it is, and where in it the spec begins.
function unwrap(value: unknown, problems: Problems): Shape | undefined {
  if (!isRecord(value)) {
    problems.add([], `must be a job spec (a mapping with Tasks), not ${quote(value)}`);
    return undefined;
  }
  // Of two, readers of different age take one or the other.
  const ways = ['Tasks', 'Spec', 'Job'].filter((name) => spellings(value, name).length > 0);
  if (ways.length > 1)
    problems.add([], `says twice what the job is, by ${ways.join(' and ')}: keep one of them`);
  if (ways[0] === 'Tasks') return { old: false, spec: value, prefix: [] };
  if (isV1beta2(value)) return { old: true, spec: value, prefix: [] };
  const names = new KnownKeys([], problems);
  const [jobKey = ''] = spellings(value, 'Job').filter((written) => names.take(written, 'Job'));
  const job = value[jobKey];
  if (isRecord(job) && spellings(job, 'Tasks').length > 0 && spellings(job, 'Spec').length > 0) {
    problems.add([jobKey], 'says twice what the job is, by Tasks and Spec: keep one of them');
  }
  if (isRecord(job)) return { old: isV1beta2(job), spec: job, prefix: [jobKey] };
  if (problems.areNone) problems.add([], 'not a job spec: Tasks is missing (or, before version 1.4, Spec)');
  return undefined;
}

function parseOld(
  value: Record<string, unknown>,
  options: JobSpecOptions,
  problems: Problems,
): Job | undefined {
  const translated = fromV1beta2(value, { ...options, problems });
  const inCurrentShape = new Problems();
  const job = parseCurrent(translated.spec, options, inCurrentShape);
  problems.addAll(inCurrentShape, (segments) => oldSegments(segments, translated.specKey));
  return job && { ...job, ignored: translated.ignored };
}

function parseCurrent(
  value: Record<string, unknown>,
  options: JobSpecOptions,
  problems: Problems,
): Job | undefined {
  const isRun = options.purpose === 'run';
  // The parameters of another engine have other types. A run refuses it, and says what is wrong with the rest.
  const schema = isDocker(engineType(value)) ? dockerJobSchema : otherJobSchema;
  const unknownKeys = isRun ? 'refuse' : 'keep';
  const spec = readBySchema(schema, value, { unknownKeys, problems }) as Record<string, unknown>;

  const tasks = Array.isArray(spec.Tasks) ? spec.Tasks : [];
  if (Array.isArray(spec.Tasks) && tasks.length !== 1) {
    problems.add(['Tasks'], `a job has exactly one task here, not ${tasks.length}: submit one job for each`);
  }
  const task: Record<string, unknown> = isRecord(tasks[0]) ? tasks[0] : {};
  const path = ['Tasks', 0];

  const network = parseNetwork(task.Network, options, [...path, 'Network'], problems);
  engineProblems(task, options, path, problems);
  inputProblems(task, path, problems);
  const forbidden = findForbidden(spec);
  if (isRun) {
    refusedByRun(spec, problems);
    // An unknown field is named already.
    const named = new Set(problems.first.map(({ segments }) => formatPath(segments)));
    for (const { segments, problem } of forbidden) {
      if (!named.has(formatPath(segments))) problems.add(segments, `${problem}: not supported, remove it`);
    }
  }
  if (!problems.areNone) return undefined;
  return build(spec as JobSpec, network, forbidden.map(forbiddenRequest));
}

function engineType(spec: Record<string, unknown>): unknown {
  const tasks = param(spec, 'Tasks');
  const task: unknown = Array.isArray(tasks) ? tasks[0] : undefined;
  const engine = isRecord(task) ? param(task, 'Engine') : undefined;
  return isRecord(engine) ? param(engine, 'Type') : undefined;
}

function isDocker(type: unknown): boolean {
  return typeof type !== 'string' || type.trim().toLowerCase() === 'docker';
}

function build(spec: JobSpec, network: Job['network'], forbidden: NonNullable<Job['forbidden']>): Job {
  const task = spec.Tasks[0] as TaskSpec;
  const type = task.Engine?.Type.trim() ?? 'docker';
  const docker = isDocker(type);
  const params = (docker && task.Engine?.Params) || {};
  const cpus = amount(task.Resources?.CPU, parseCpu);
  const memoryBytes = amount(task.Resources?.Memory, parseBytes);
  // Zero is none. Nothing queues here, so the total is a limit of the run as well.
  const seconds = [task.Timeouts?.ExecutionTimeout, task.Timeouts?.TotalTimeout]
    .map((limit) => Number(limit ?? 0))
    .filter((limit) => limit > 0);
  return {
    ...(spec.ID && { id: spec.ID }),
    ...(spec.Name && { name: spec.Name }),
    network,
    engine: {
      type: docker ? 'docker' : type,
      image: params.Image ?? '',
      ...(params.Entrypoint && params.Entrypoint.length > 0 && { entrypoint: params.Entrypoint }),
      command: params.Parameters ?? [],
      env: environment(task.Env ?? {}, params.EnvironmentVariables ?? []),
      ...(params.WorkingDirectory && { workingDirectory: params.WorkingDirectory }),
    },
    resources: { ...(cpus && { cpus }), ...(memoryBytes && { memoryBytes }) },
    ...(seconds.length > 0 && { timeoutMs: Math.ceil(Math.min(...seconds) * 1000) }),
    inputs: (task.InputSources ?? []).map(input),
    ignored: ignoredFields(spec, task),
    ...(forbidden.length > 0 && { forbidden }),
    spec: canonicalSpec(spec, network),
  };
}

function amount(value: Quantity | null | undefined, parse: (value: Quantity) => number | undefined) {
  return value === undefined || value === null || value === '' ? undefined : parse(value);
}

// The engine's own variables beat the task's, as the narrower scope. One without = takes the variable away.
function environment(task: Record<string, string>, engine: readonly string[]): Record<string, string> {
  const variables = new Map(Object.entries(task));
  for (const pair of engine) {
    const at = pair.indexOf('=');
    if (at > 0) variables.set(pair.slice(0, at), pair.slice(at + 1));
    else variables.delete(pair);
  }
  return Object.fromEntries(variables);
}

function input(raw: NonNullable<TaskSpec['InputSources']>[number]): Input {
  const params = raw.Source.Params ?? {};
  const local = isLocalType(raw.Source.Type);
  return {
    type: raw.Source.Type,
    ...(local && { source: String(param(params, 'SourcePath') ?? '') }),
    target: raw.Target,
    readOnly: !(local && truth(param(params, 'ReadWrite'))),
    raw,
  };
}

// In any spelling.
function param(params: Record<string, unknown>, name: string): unknown {
  const [key] = spellings(params, name);
  return key === undefined ? undefined : params[key];
}

/** A truth value as the reference reads it, also from a text or a number; undefined where it isn't one. */
function truth(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return false;
  const text = String(value);
  if (/^(1|t|true|T|TRUE|True)$/.test(text)) return true;
  return /^(0|f|false|F|FALSE|False)?$/.test(text) ? false : undefined;
}

function engineProblems(
  task: Record<string, unknown>,
  options: JobSpecOptions,
  at: readonly PathSegment[],
  problems: Problems,
): void {
  const fail = (segments: readonly PathSegment[], problem: string) =>
    problems.add([...at, ...segments], problem);
  const { Engine: engine, Env: env } = task;
  for (const [name, value] of Object.entries(isRecord(env) ? env : {})) {
    if (!/^[^=\0]+$/.test(name) || String(value).includes('\0'))
      fail(['Env', name], 'not a name of a variable');
  }
  if (engine === undefined || engine === null) {
    // Admission may be asked about a network alone.
    if (options.purpose === 'run') fail(['Engine'], 'missing: a mapping with Type docker and Params');
    return;
  }
  if (!isRecord(engine) || typeof engine.Type !== 'string') return;
  if (!isDocker(engine.Type)) {
    // Whoever asks may have it.
    if (options.purpose === 'run')
      fail(['Engine', 'Type'], `engine ${quote(engine.Type)} is not supported: only docker is`);
    return;
  }
  const params = isRecord(engine.Params) ? engine.Params : {};
  if (params.Image === undefined || params.Image === null || String(params.Image).trim() === '') {
    fail(['Engine', 'Params', 'Image'], 'missing: the image to run');
  } else if (typeof params.Image === 'string') {
    const problem = imageProblem(params.Image);
    if (problem) fail(['Engine', 'Params', 'Image'], problem);
  }
  for (const { segments, problem } of argumentProblems(task, params)) fail(segments, problem);
  const variables = Array.isArray(params.EnvironmentVariables) ? params.EnvironmentVariables : [];
  for (const [index, pair] of variables.entries()) {
    if (typeof pair === 'string' && pair.includes('\0'))
      fail(['Engine', 'Params', 'EnvironmentVariables', index], 'must not contain NUL');
  }
  const directory = params.WorkingDirectory;
  if (typeof directory === 'string' && directory !== '' && !directory.startsWith('/')) {
    fail(['Engine', 'Params', 'WorkingDirectory'], 'must be an absolute path');
  }
}

function inputProblems(task: Record<string, unknown>, at: readonly PathSegment[], problems: Problems): void {
  const targets = new Set<string>();
  const list = Array.isArray(task.InputSources) ? task.InputSources : [];
  for (const [index, item] of list.entries()) {
    if (!isRecord(item)) continue;
    const path = [...at, 'InputSources', index];
    if (typeof item.Target === 'string' && item.Target !== '') {
      if (item.Target.includes('\0')) problems.add([...path, 'Target'], 'must not contain NUL');
      if (item.Target === '/') problems.add([...path, 'Target'], 'must not be / itself');
      if (targets.has(item.Target)) problems.add([...path, 'Target'], 'another input has it already');
      targets.add(item.Target);
    }
    const source = isRecord(item.Source) ? item.Source : {};
    if (typeof source.Type !== 'string' || !isLocalType(source.Type)) continue;
    const params = isRecord(source.Params) ? source.Params : {};
    const names = new KnownKeys([...path, 'Source', 'Params'], problems);
    for (const name of ['SourcePath', 'ReadWrite']) {
      for (const written of spellings(params, name)) names.take(written, name);
    }
    const from = param(params, 'SourcePath');
    const problem =
      typeof from === 'string' && from !== '' ? pathProblem(from) : 'missing: a path on the node';
    if (problem) problems.add([...path, 'Source', 'Params', 'SourcePath'], problem);
    if (truth(param(params, 'ReadWrite')) === undefined)
      problems.add([...path, 'Source', 'Params', 'ReadWrite'], 'must be true or false');
  }
}

function ignoredFields(spec: JobSpec, task: TaskSpec): string[] {
  const job = (['Namespace', 'Priority', 'Constraints', 'Labels', 'Meta'] as const).filter((key) =>
    says(asAsked(spec[key])),
  );
  const inTask = (['Meta', 'Publisher', 'ResultPaths'] as const).filter((key) => says(asAsked(task[key])));
  return [
    ...job,
    ...(spec.Type && spec.Type !== 'batch' ? ['Type'] : []),
    ...inTask.map((key) => `Tasks[0].${key}`),
    ...(says(task.Resources?.Disk) ? ['Tasks[0].Resources.Disk'] : []),
    ...(says(task.Timeouts?.QueueTimeout) ? ['Tasks[0].Timeouts.QueueTimeout'] : []),
  ];
}

/** Without what the reference's client and its orchestrator fill in by themselves. */
function asAsked(value: unknown): unknown {
  if (value === 'default') return undefined;
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('bacalhau.org/')));
}

// Empty and zero are how Go writes that a field was not set.
function says(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.values(value).some(says);
  return value !== undefined && value !== null && !['', 0, 0n, '0', false].includes(value as string);
}

// Probes compare the network's type and domains as text: they see what is enforced.
function canonicalSpec(spec: JobSpec, network: Job['network']): unknown {
  const [task, ...rest] = spec.Tasks;
  if (!task?.Network) return spec;
  const Domains = task.Network.Domains == null ? {} : { Domains: [...network.domains] };
  const Network = { ...task.Network, Type: network.type, ...Domains };
  return { ...spec, Tasks: [{ ...task, Network }, ...rest] };
}
