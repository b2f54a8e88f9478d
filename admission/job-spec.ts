import { argumentProblems } from './argument-limits.js';
import { findForbidden, forbiddenRequest } from './forbidden-requests.js';
import { imageProblem } from './image-reference.js';
import { pathProblem } from './input-path.js';
import type { Input, Job } from './job.js';
import { isLocalType } from './job.js';
import { type JobSpec, jobSchema, type TaskSpec } from './job-schema.js';
import { fromV1beta2, isV1beta2, oldSegments } from './job-spec-v1beta2.js';
import { canonicalKeys, isRecord } from './known-keys.js';
import { parseNetwork } from './network-spec.js';
import type { Parsed } from './parsed.js';
import { formatPath, type LocatedProblem, type PathSegment, quote } from './problem.js';
import { parseBytes, parseCpu } from './quantities.js';
import { refusedByRun } from './run-limits.js';

export interface JobSpecOptions {
  /**
   * `admission`: the spec comes from a node, which sends many fields: what has no meaning here is ignored.
   * `run`: jobgate is to run the job itself: what it cannot do, and what it doesn't know, is a problem.
   */
  readonly purpose: 'admission' | 'run';
  /** Ports below 1024 that the operator lets a job's domains name. */
  readonly allowPorts?: readonly number[];
}

/**
 * Reads a job spec in any shape of the reference: 1.5 and later, V1beta2, and the bodies that nodes send to probes
 * (`{"Job": …}`, and before 1.4 `{"node_id", "job_id", "spec"}`). All problems are told at once, each with its path in
 * the shape that was given.
 */
export function parseJobSpec(value: unknown, options: JobSpecOptions): Parsed<Job> {
  const shape = unwrap(value);
  if ('problem' in shape) return { ok: false, problems: [{ path: '', problem: shape.problem }] };
  const { job, problems } = shape.old ? parseOld(shape, options) : parseCurrent(shape.spec, options);
  if (problems.length > 0 || job === undefined) {
    const unique = new Map<string, { path: string; problem: string }>();
    for (const { segments, problem } of problems) {
      const path = formatPath([...shape.prefix, ...segments]);
      unique.set(`${path} ${problem}`, { path, problem });
    }
    return { ok: false, problems: [...unique.values()] };
  }
  return { ok: true, value: job };
}

interface Shape {
  readonly old: boolean;
  readonly spec: Record<string, unknown>;
  readonly prefix: readonly PathSegment[];
}

// Which of the reference's shapes it is, and where in it the spec begins.
function unwrap(value: unknown): Shape | { problem: string } {
  if (!isRecord(value)) return { problem: `must be a job spec (a mapping with Tasks), not ${quote(value)}` };
  const key = (name: string) => Object.keys(value).find((written) => written.toLowerCase() === name);
  if (key('tasks') !== undefined) return { old: false, spec: value, prefix: [] };
  if (isV1beta2(value)) return { old: true, spec: value, prefix: [] };
  const jobKey = key('job');
  const wrapped = jobKey === undefined ? undefined : value[jobKey];
  if (jobKey !== undefined && isRecord(wrapped)) {
    return { old: isV1beta2(wrapped), spec: wrapped, prefix: [jobKey] };
  }
  return { problem: 'not a job spec: Tasks is missing (or, before version 1.4, Spec)' };
}

function parseOld(shape: Shape, options: JobSpecOptions) {
  const translated = fromV1beta2(shape.spec, options);
  const { job, problems } = parseCurrent(translated.spec, options);
  const written = problems.map(({ segments, problem }) => ({
    segments: oldSegments(segments, translated.specKey),
    problem,
  }));
  return {
    job: job && { ...job, ignored: translated.ignored },
    problems: [...translated.problems, ...written],
  };
}

function parseCurrent(
  value: Record<string, unknown>,
  options: JobSpecOptions,
): { job: Job | undefined; problems: LocatedProblem[] } {
  const unknownKeys = options.purpose === 'run' ? 'refuse' : 'keep';
  const keys = canonicalKeys(jobSchema, value, { unknownKeys });
  const spec = keys.value as Record<string, unknown>;
  const problems = [...keys.problems];

  const checked = jobSchema.safeParse(spec);
  for (const issue of checked.error?.issues ?? []) {
    const segments = issue.path as PathSegment[];
    problems.push({ segments, problem: at(spec, segments) === undefined ? 'missing' : issue.message });
  }

  const tasks = Array.isArray(spec.Tasks) ? spec.Tasks : [];
  if (Array.isArray(spec.Tasks) && tasks.length !== 1) {
    problems.push({
      segments: ['Tasks'],
      problem: `a job has exactly one task here, not ${tasks.length}: submit one job for each`,
    });
  }
  const task: Record<string, unknown> = isRecord(tasks[0]) ? tasks[0] : {};
  const path = ['Tasks', 0];

  const { network, problems: networkProblems } = parseNetwork(task.Network, options, [...path, 'Network']);
  problems.push(...networkProblems, ...engineProblems(task, options, path), ...inputProblems(task, path));
  const forbidden = findForbidden(spec);
  if (options.purpose === 'run') {
    problems.push(...refusedByRun(spec));
    // An unknown field is named already.
    const named = new Set(problems.map(({ segments }) => formatPath(segments)));
    for (const { segments, problem } of forbidden) {
      if (!named.has(formatPath(segments)))
        problems.push({ segments, problem: `${problem}: not supported, remove it` });
    }
  }
  if (problems.length > 0 || !checked.success) return { job: undefined, problems };

  return { job: build(checked.data, network, forbidden.map(forbiddenRequest)), problems };
}

function build(spec: JobSpec, network: Job['network'], forbidden: NonNullable<Job['forbidden']>): Job {
  const task = spec.Tasks[0] as TaskSpec;
  const params = task.Engine?.Params ?? {};
  const cpus = amount(task.Resources?.CPU, parseCpu);
  const memoryBytes = amount(task.Resources?.Memory, parseBytes);
  // Zero is none. Nothing queues here, so the total is a limit of the run as well.
  const seconds = [task.Timeouts?.ExecutionTimeout, task.Timeouts?.TotalTimeout].filter(
    (limit) => (limit ?? 0) > 0,
  );
  return {
    ...(spec.ID && { id: spec.ID }),
    ...(spec.Name && { name: spec.Name }),
    network,
    engine: {
      type: 'docker',
      image: params.Image ?? '',
      ...(params.Entrypoint && params.Entrypoint.length > 0 && { entrypoint: params.Entrypoint }),
      command: params.Parameters ?? [],
      env: environment(task.Env ?? {}, params.EnvironmentVariables ?? []),
      ...(params.WorkingDirectory && { workingDirectory: params.WorkingDirectory }),
    },
    resources: { ...(cpus && { cpus }), ...(memoryBytes && { memoryBytes }) },
    ...(seconds.length > 0 && { timeoutMs: Math.ceil(Math.min(...(seconds as number[])) * 1000) }),
    inputs: (task.InputSources ?? []).map(input),
    ignored: ignoredFields(spec, task),
    ...(forbidden.length > 0 && { forbidden }),
    spec: canonicalSpec(spec, network),
  };
}

function amount(
  value: string | number | null | undefined,
  parse: (value: string | number) => number | undefined,
) {
  return value === undefined || value === null || value === '' ? undefined : parse(value);
}

// The engine's own variables beat the task's, as the narrower scope.
function environment(task: Record<string, string>, engine: readonly string[]): Record<string, string> {
  const pairs = engine.map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return Object.fromEntries([...Object.entries(task), ...pairs]);
}

function input(raw: NonNullable<TaskSpec['InputSources']>[number]): Input {
  const params = raw.Source.Params ?? {};
  const local = isLocalType(raw.Source.Type);
  return {
    type: raw.Source.Type,
    ...(local && { source: String(param(params, 'SourcePath') ?? '') }),
    target: raw.Target,
    readOnly: !(local && param(params, 'ReadWrite') === true),
    raw,
  };
}

function param(params: Record<string, unknown>, name: string): unknown {
  const key = Object.keys(params).find((written) => written.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : params[key];
}

function engineProblems(task: Record<string, unknown>, options: JobSpecOptions, at: readonly PathSegment[]) {
  const problems: LocatedProblem[] = [];
  const fail = (segments: readonly PathSegment[], problem: string) =>
    problems.push({ segments: [...at, ...segments], problem });
  const { Engine: engine, Env: env } = task;
  if (engine === undefined || engine === null) {
    // Admission may be asked about a network alone.
    if (options.purpose === 'run') fail(['Engine'], 'missing: a mapping with Type docker and Params');
  } else if (isRecord(engine) && typeof engine.Type === 'string') {
    if (engine.Type.trim().toLowerCase() !== 'docker') {
      fail(['Engine', 'Type'], `engine ${quote(engine.Type)} is not supported: only docker is`);
      return problems;
    }
    const params = isRecord(engine.Params) ? engine.Params : {};
    if (params.Image === undefined || params.Image === null || String(params.Image).trim() === '') {
      fail(['Engine', 'Params', 'Image'], 'missing: the image to run');
    } else if (typeof params.Image === 'string') {
      const problem = imageProblem(params.Image);
      if (problem) fail(['Engine', 'Params', 'Image'], problem);
    }
    problems.push(...argumentProblems(task, params, at));
    const variables = Array.isArray(params.EnvironmentVariables) ? params.EnvironmentVariables : [];
    for (const [index, pair] of variables.entries()) {
      if (typeof pair === 'string' && !/^[^=\0]+=[^\0]*$/.test(pair)) {
        fail(['Engine', 'Params', 'EnvironmentVariables', index], `must be NAME=value, not ${quote(pair)}`);
      }
    }
    const directory = params.WorkingDirectory;
    if (typeof directory === 'string' && directory !== '' && !directory.startsWith('/')) {
      fail(['Engine', 'Params', 'WorkingDirectory'], 'must be an absolute path');
    }
  }
  for (const [name, value] of Object.entries(isRecord(env) ? env : {})) {
    if (!/^[^=\0]+$/.test(name) || String(value).includes('\0'))
      fail(['Env', name], 'not a name of a variable');
  }
  return problems;
}

function inputProblems(task: Record<string, unknown>, at: readonly PathSegment[]) {
  const problems: LocatedProblem[] = [];
  const targets = new Set<string>();
  const list = Array.isArray(task.InputSources) ? task.InputSources : [];
  for (const [index, item] of list.entries()) {
    if (!isRecord(item)) continue;
    const path = [...at, 'InputSources', index];
    if (typeof item.Target === 'string' && item.Target !== '') {
      const problem = pathProblem(item.Target) ?? (item.Target === '/' ? 'must not be / itself' : undefined);
      if (problem) problems.push({ segments: [...path, 'Target'], problem });
      if (targets.has(item.Target))
        problems.push({ segments: [...path, 'Target'], problem: 'another input has it already' });
      targets.add(item.Target);
    }
    const source = isRecord(item.Source) ? item.Source : {};
    if (typeof source.Type !== 'string' || !isLocalType(source.Type)) continue;
    const params = isRecord(source.Params) ? source.Params : {};
    const from = param(params, 'SourcePath');
    const problem =
      typeof from === 'string' && from !== '' ? pathProblem(from) : 'missing: a path on the node';
    if (problem) problems.push({ segments: [...path, 'Source', 'Params', 'SourcePath'], problem });
    const writable = param(params, 'ReadWrite');
    if (writable !== undefined && writable !== null && typeof writable !== 'boolean') {
      problems.push({
        segments: [...path, 'Source', 'Params', 'ReadWrite'],
        problem: 'must be true or false',
      });
    }
  }
  return problems;
}

function ignoredFields(spec: JobSpec, task: TaskSpec): string[] {
  const job = (['Namespace', 'Priority', 'Constraints', 'Labels', 'Meta'] as const).filter((key) =>
    says(spec[key]),
  );
  const inTask = (['Meta', 'Publisher', 'ResultPaths'] as const).filter((key) => says(task[key]));
  return [
    ...job,
    ...(spec.Type && spec.Type !== 'batch' ? ['Type'] : []),
    ...inTask.map((key) => `Tasks[0].${key}`),
    ...(says(task.Resources?.Disk) ? ['Tasks[0].Resources.Disk'] : []),
    ...(says(task.Timeouts?.QueueTimeout) ? ['Tasks[0].Timeouts.QueueTimeout'] : []),
  ];
}

// Empty and zero are how Go writes that a field was not set.
function says(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.values(value).some(says);
  return (
    value !== undefined && value !== null && value !== '' && value !== 0 && value !== '0' && value !== false
  );
}

// Probes compare the network's type and domains as text: they see what is enforced.
function canonicalSpec(spec: JobSpec, network: Job['network']): unknown {
  const [task, ...rest] = spec.Tasks;
  if (!task?.Network) return spec;
  const Domains = task.Network.Domains == null ? {} : { Domains: [...network.domains] };
  const Network = { ...task.Network, Type: network.type, ...Domains };
  return { ...spec, Tasks: [{ ...task, Network }, ...rest] };
}

function at(value: unknown, segments: readonly PathSegment[]): unknown {
  let found = value;
  for (const segment of segments) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Object.hasOwn(found, segment) ? (found as Record<PathSegment, unknown>)[segment] : undefined;
  }
  return found;
}
