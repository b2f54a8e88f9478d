import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Option } from 'commander';
import { ID_PATTERN, type Job } from '../../admission/job.js';
import { parseJobFile } from '../../admission/job-file.js';
import { type JobSpecOptions, parseJobSpec } from '../../admission/job-spec.js';
import { MAX_SPEC_BYTES } from '../../admission/spec-limits.js';
import { UsageError } from '../errors.js';
import { repeatable } from './setting-options.js';

/** Options that `run` and `check` share: what the job asks for. */
export interface JobFlags {
  readonly network?: string;
  readonly domain: string[];
  readonly job?: string;
  readonly jobId?: string;
}

export function jobOptions(): Option[] {
  return [
    new Option(
      '--network <type>',
      'none, http, bridge, host (also full), default; --domain alone means http',
    ),
    repeatable(
      '--domain <domain>',
      'let the job reach example.com, .example.com and all below it, or host:port',
    ),
    new Option('--job <file>', "a job file, YAML or JSON, as Bacalhau's; - reads stdin"),
    new Option('--job-id <id>', 'id of the job, for logs and the job header; a random one if absent'),
  ];
}

/** What `run` adds: the command line's engine. */
export interface EngineFlags {
  readonly env: string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: string;
  readonly memory?: string;
  readonly cpus?: string;
}

/** @throws UsageError for anything but 1 to 128 of `[A-Za-z0-9._-]`. */
export function checkJobId(id: string, flag = '--job-id'): void {
  if (ID_PATTERN.test(id)) return;
  throw new UsageError(
    `${flag} ${JSON.stringify(id)}: an id has 1 to 128 letters, digits, dots, underscores and hyphens`,
  );
}

/**
 * The job that a command line describes, or names by `--job`. Both go through the same parser of job specs, so both
 * are validated alike.
 *
 * @param given the text of a job, where the command line says nothing of one.
 * @throws UsageError with all problems, each at its flag or at its place in the file.
 */
export async function jobFromFlags(
  image: string | undefined,
  cmd: readonly string[],
  flags: JobFlags & Partial<EngineFlags>,
  options: JobSpecOptions,
  given?: string,
): Promise<Job & { readonly id: string }> {
  const saysNothing = flags.job === undefined && flags.network === undefined && flags.domain.length === 0;
  const job =
    given !== undefined && saysNothing
      ? parsed({ name: 'job', content: given }, options)
      : flags.job === undefined
        ? fromCommandLine(image, cmd, flags, options)
        : await fromFile(image, flags, options);
  const id = flags.jobId ?? job.id ?? `job-${randomBytes(6).toString('hex')}`;
  checkJobId(id);
  return { ...job, id };
}

async function fromFile(
  image: string | undefined,
  flags: JobFlags & Partial<EngineFlags>,
  options: JobSpecOptions,
): Promise<Job> {
  const given = [
    image !== undefined && 'IMAGE',
    flags.network !== undefined && '--network',
    flags.domain.length > 0 && '--domain',
    (flags.env?.length ?? 0) > 0 && '--env',
    ...(['workdir', 'user', 'entrypoint', 'memory', 'cpus'] as const).map(
      (name) => flags[name] !== undefined && `--${name}`,
    ),
  ].filter((name) => name !== false);
  if (given.length > 0)
    throw new UsageError(`--job with ${given.join(', ')}: the job file says that; leave one of them out`);
  return parsed(await readJobFile(flags.job as string), options);
}

function parsed({ name, content }: { name: string; content: string }, options: JobSpecOptions): Job {
  const read = parseJobFile(content, name, options);
  if (!read.ok) throw new UsageError(read.problems.join('\n'));
  return read.value;
}

function fromCommandLine(
  image: string | undefined,
  cmd: readonly string[],
  flags: JobFlags & Partial<EngineFlags>,
  options: JobSpecOptions,
): Job {
  if (image === undefined && options.purpose === 'run')
    throw new UsageError('no IMAGE: jobgate run [options] IMAGE [CMD...], or --job FILE');
  const type = flags.network ?? (flags.domain.length > 0 ? 'http' : 'none');
  const spec = {
    Name: 'run',
    Type: 'batch',
    Count: 1,
    Tasks: [
      {
        Name: 'main',
        Engine: {
          Type: 'docker',
          Params: {
            Image: image ?? 'none',
            ...(flags.entrypoint !== undefined && { Entrypoint: [flags.entrypoint] }),
            Parameters: cmd,
            EnvironmentVariables: (flags.env ?? []).flatMap(variable),
            ...(flags.workdir !== undefined && { WorkingDirectory: flags.workdir }),
          },
        },
        Network: { Type: type, Domains: flags.domain },
        Resources: {
          ...(flags.cpus !== undefined && { CPU: flags.cpus }),
          ...(flags.memory !== undefined && { Memory: binary(flags.memory) }),
        },
      },
    ],
  };
  const parsed = parseJobSpec(spec, options);
  if (!parsed.ok) {
    throw new UsageError(
      parsed.problems.map(({ path, problem }) => `${flagOf(path)}: ${problem}`).join('\n'),
    );
  }
  const job = parsed.value;
  return flags.user === undefined ? job : { ...job, engine: { ...job.engine, user: flags.user } };
}

const FLAG_OF: readonly (readonly [path: string, flag: string])[] = [
  ['Tasks[0].Network.Domains', '--domain'],
  ['Tasks[0].Network', '--network'],
  ['Tasks[0].Engine.Params.Image', 'IMAGE'],
  ['Tasks[0].Engine.Params.Entrypoint', '--entrypoint'],
  ['Tasks[0].Engine.Params.EnvironmentVariables', '--env'],
  ['Tasks[0].Engine.Params.WorkingDirectory', '--workdir'],
  ['Tasks[0].Engine.Params', 'CMD'],
  ['Tasks[0].Resources.CPU', '--cpus'],
  ['Tasks[0].Resources.Memory', '--memory'],
];

function flagOf(path: string): string {
  return FLAG_OF.find(([prefix]) => path.startsWith(prefix))?.[1] ?? path;
}

// As docker run: 512m is 512 MiB, where a job spec's 512Mb is 512,000,000 bytes.
function binary(size: string): string {
  return size.replace(/^([\d.]+)([kmg])$/i, '$1$2i');
}

// As docker run: `K` alone takes the value from here, and is left out where there is none.
function variable(text: string): string[] {
  if (text.includes('=')) return [text];
  const value = process.env[text];
  return value === undefined ? [] : [`${text}=${value}`];
}

async function readJobFile(file: string): Promise<{ name: string; content: string }> {
  const name = file === '-' ? 'stdin' : file;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
      chunks.push(chunk);
      size += chunk.length;
      // The parser says that it is too large.
      if (size > MAX_SPEC_BYTES) break;
    }
  } catch (error) {
    throw new UsageError(`--job ${file}: cannot read it: ${(error as Error).message}`);
  }
  return { name, content: Buffer.concat(chunks).toString('utf8') };
}
