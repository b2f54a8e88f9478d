import { type ChildProcess, spawn } from 'node:child_process';
import { type ProbeLimits, type ProbeRequest, probeRule, spokenReason } from '../probe.js';
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
export function execProbeRule(command: string, limits: ProbeLimits): Rule {
  return probeRule('exec probe', limits, (request) => run(command, request));
}

async function run(command: string, { body, signal, outputBytes }: ProbeRequest): Promise<Verdict> {
  // Without the variable, scripts that read it would see a job that asks for nothing, and accept.
  if (Buffer.byteLength(body) + DATA.length + 2 > MAX_ENV_BYTES) {
    return refuse(`with specs that its exec probe cannot be given: larger than ${MAX_ENV_BYTES / 1024} KiB`);
  }
  const child = spawn('bash', ['-c', command], {
    env: { PATH: process.env.PATH ?? PATH, [DATA]: body },
    stdio: ['pipe', 'ignore', 'pipe'],
    // A process group of its own, which ends as a whole.
    detached: true,
  });
  const stderr = collect(child, outputBytes);
  // A probe need not read what it is told.
  child.stdin.on('error', () => {});
  child.stdin.end(body);

  const { code, killedBy } = await ended(child, signal, stderr.overflow);
  await stderr.complete();
  if (code === 0) {
    return spoken(stderr.text(), true) ?? accept('that its exec probe accepts');
  }
  if (code === null) throw new Error(`was ended by ${killedBy}`);
  return spoken(stderr.text(), false) ?? refuse(`that its exec probe refuses (exit code ${code})`);
}

function spoken(text: string, shouldBid: boolean): Verdict | undefined {
  const said = spokenReason(text);
  return said === ''
    ? undefined
    : (shouldBid ? accept : refuse)(`that its exec probe ${shouldBid ? 'accepts' : 'refuses'}: ${said}`);
}

interface Collected {
  /** Rejects when the probe has written more than it may. */
  readonly overflow: Promise<never>;
  readonly text: () => string;
  /** Waits for what is still in the pipe, but not for processes that keep it open. */
  readonly complete: () => Promise<void>;
}

function collect(child: ChildProcess, outputBytes: number): Collected {
  const chunks: Buffer[] = [];
  let size = 0;
  const { stderr } = child;
  const overflow = new Promise<never>((_, reject) => {
    stderr?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > outputBytes) reject(new Error(`writes more than ${outputBytes} bytes`));
      else chunks.push(chunk);
    });
  });
  overflow.catch(() => {});
  const end = new Promise<void>((resolve) => {
    stderr?.once('close', resolve);
    stderr?.once('error', () => resolve());
  });
  return {
    overflow,
    text: () => Buffer.concat(chunks).toString('utf8'),
    async complete() {
      const timer = setTimeout(() => stderr?.destroy(), PIPE_GRACE_MS);
      await end;
      clearTimeout(timer);
      await Promise.race([overflow, Promise.resolve()]);
    },
  };
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
  } catch (error) {
    child.stderr?.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
    killGroup(child);
    child.stdin?.destroy();
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
