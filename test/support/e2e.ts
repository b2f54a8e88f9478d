import { execFile } from 'node:child_process';
import { describe } from 'vitest';
import { projectRoot } from './engine.js';

export { JOB_IMAGE } from './engine.js';

/**
 * `describe` for tests that need a real engine. Where none can be had (or JOBGATE_E2E=skip) they are reported as skipped;
 * with CI set, the set-up has failed before it comes to that.
 */
export const describeE2e = process.env.JOBGATE_E2E === 'skip' ? describe.skip : describe;

export interface Ran {
  /** 128+n where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Wall-clock time in ms. */
  readonly ms: number;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** What stdin gets; an empty stdin if left out. */
  input?: string;
  /** After this many ms the process is killed. Default 60,000. */
  timeoutMs?: number;
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};

/** Runs a program to its end; never throws for an exit code. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      {
        cwd: options.cwd ?? projectRoot,
        env: { ...process.env, ...options.env },
        timeout: options.timeoutMs ?? 60_000,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        if (error && typeof error.code === 'string') return reject(error); // it never ran, e.g. ENOENT
        const signal = error?.signal as NodeJS.Signals | undefined;
        const code = signal ? 128 + (signalNumbers[signal] ?? 0) : Number(error?.code ?? 0);
        resolve({ code, stdout, stderr, ms: performance.now() - start });
      },
    );
    child.stdin?.on('error', () => {}); // it may end before it has read all
    child.stdin?.end(options.input ?? '');
  });
}

/** Runs the docker CLI against the engine of the tests, and gives its stdout. Throws if it fails. */
export async function docker(...args: string[]): Promise<string> {
  const ran = await run('docker', args);
  if (ran.code !== 0) throw new Error(`docker ${args.join(' ')}: ${ran.stderr.trim()}`);
  return ran.stdout.trim();
}
