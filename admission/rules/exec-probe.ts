import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type ProbeLimits, type ProbeRequest, probeRule, spokenReason } from '../probe.js';
import { openProbeStdio } from '../probe-stdio.js';
import { accept, type Rule, refuse, type Verdict } from '../rule.js';

/** Linux' limit for one string of the environment, name and final NUL included (MAX_ARG_STRLEN), bytes. */
const MAX_ENV_BYTES = 131_072;
const DATA = 'BACALHAU_JOB_SELECTION_PROBE_DATA';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How long a pipe may stay open after the probe and its group have ended, ms: a process that left the group has it. */
const PIPE_GRACE_MS = 200;

/**
 * The reference's exec probe: `bash -c COMMAND`, the job as JSON on stdin and in the environment, which has nothing
 * else but PATH. Exit 0 accepts; stderr is the reason. The job is data only: nothing of it becomes part of a command.
 */
export function execProbeRule(
  command: string,
  limits: ProbeLimits,
  /** Variables that the command gets besides. */
  variables: Readonly<Record<string, string>> = {},
): Rule {
  return probeRule('exec probe', limits, (request) => run(command, variables, request));
}

async function run(
  command: string,
  variables: Readonly<Record<string, string>>,
  { body, signal, outputBytes }: ProbeRequest,
): Promise<Verdict> {
  // Without the variable, scripts that read it would see a job that asks for nothing, and accept.
  if (Buffer.byteLength(body) + DATA.length + 2 > MAX_ENV_BYTES) {
    return refuse(`with specs that its exec probe cannot be given: larger than ${MAX_ENV_BYTES / 1024} KiB`);
  }
  const stdio = await openProbeStdio(body).catch((error: Error) => {
    throw new Error(`cannot be started: ${error.message}`);
  });
  let child: ChildProcess;
  try {
    signal.throwIfAborted();
    child = spawn('bash', ['-c', command], {
      env: { ...variables, PATH: process.env.PATH ?? PATH, [DATA]: body },
      stdio: [stdio.stdin, 'ignore', stdio.stderr],
      // A process group of its own, which ends as a whole.
      detached: true,
    });
  } finally {
    stdio.closeOurs();
  }
  const stderr = new Output(stdio.reader, outputBytes);
  try {
    const { code, killedBy } = await ended(child, signal, stderr.overflow);
    await stderr.complete();
    if (code === null) throw new Error(`was ended by ${killedBy}`);
    if (code === 0) return spoken(stderr.text, true) ?? accept('that its exec probe accepts');
    return spoken(stderr.text, false) ?? refuse(`that its exec probe refuses (exit code ${code})`);
  } finally {
    stdio.reader.destroy();
  }
}

function spoken(text: string, shouldBid: boolean): Verdict | undefined {
  const said = spokenReason(text);
  return said === ''
    ? undefined
    : (shouldBid ? accept : refuse)(`that its exec probe ${shouldBid ? 'accepts' : 'refuses'}: ${said}`);
}

/** What a probe writes to its stderr, up to a limit. */
class Output {
  /** Rejects when the probe has written more than it may. */
  readonly overflow: Promise<never>;
  readonly #chunks: Buffer[] = [];
  readonly #reader: Readable;
  readonly #end: Promise<void>;

  constructor(reader: Readable, limit: number) {
    this.#reader = reader;
    this.#end = new Promise((resolve) => reader.once('close', resolve));
    this.overflow = new Promise((_, reject) => {
      let size = 0;
      reader.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limit) reject(new Error(`writes more than ${limit} bytes`));
        else this.#chunks.push(chunk);
      });
    });
    this.overflow.catch(() => {});
    // An error closes it.
    reader.on('error', () => {});
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  /** Waits for what is still in the pipe, but not for a process that keeps it open. */
  async complete(): Promise<void> {
    const timer = setTimeout(() => this.#reader.destroy(), PIPE_GRACE_MS);
    await Promise.race([this.overflow, this.#end]).finally(() => clearTimeout(timer));
  }
}

/** Waits for the probe; then, or when it has to end, nothing of its group is left. */
async function ended(
  child: ChildProcess,
  signal: AbortSignal,
  overflow: Promise<never>,
): Promise<{ code: number | null; killedBy: NodeJS.Signals | null }> {
  const exit = new Promise<{ code: number | null; killedBy: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`cannot be started: ${error.message}`)));
    child.once('exit', (code, killedBy) => resolve({ code, killedBy }));
  });
  let giveUp = () => {};
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error('was ended'));
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
  });
  try {
    return await Promise.race([exit, overflow, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
    killGroup(child);
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // No one is left.
  }
}
