import { type ChildProcess, spawn } from 'node:child_process';
import { CLI } from './engine.js';

/** The image that test/support/job-image.sh builds. */
export const JOB_IMAGE = 'jobgate-job:local';

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  readonly cwd?: string;
  /** Who runs it. */
  readonly uid?: number;
  readonly gid?: number;
}

export interface Cli {
  readonly child: ChildProcess;
  readonly done: Promise<CliResult>;
  /** What it has printed by now. */
  readonly stdout: string;
  /** Resolves once stdout contains the text. */
  printed(text: string): Promise<void>;
}

/** Starts the built command line as a user would. */
export function startCli(args: readonly string[], { env = {}, stdin, ...how }: CliOptions = {}): Cli {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...env },
    ...how,
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const look of waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}); // it may end before it has read all
  if (stdin !== undefined) child.stdin.end(stdin);
  const done = new Promise<CliResult>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    child,
    done,
    get stdout() {
      return stdout;
    },
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!stdout.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        done.then(() => reject(new Error(`ended without printing ${JSON.stringify(text)}: ${stderr}`)));
      }),
  };
}

/** Runs the built command line to its end. */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, { stdin: '', ...options }).done;
}

/** `jobgate run … IMAGE sh -c SCRIPT` */
export function runJob(
  options: readonly string[],
  script: string,
  more: CliOptions = {},
): Promise<CliResult> {
  return cli(['run', '--pull', 'never', ...options, JOB_IMAGE, 'bash', '-c', script], more);
}
