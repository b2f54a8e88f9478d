import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/e2e.js';

/** A `jobgate serve` of a checkout, of its own process. */
export interface BenchedServe extends AsyncDisposable {
  readonly pid: number;
  readonly socket: string;
}

/** @param root top folder of a built jobgate; one without workers yet is not told how many */
export async function startServe(
  root: string,
  { workers, options = [] }: { workers: number; options?: readonly string[] },
): Promise<BenchedServe> {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-bench-'));
  const socket = join(folder, 'api.sock');
  const cli = join(root, 'dist/src/cli.js');
  const { stdout: help } = await run(process.execPath, [cli, 'serve', '--help']);
  const child = spawn(
    process.execPath,
    [
      cli,
      'serve',
      '--listen',
      `unix:${socket}`,
      '--log-format',
      'json',
      ...options,
      ...(help.includes('--workers') ? ['--workers', String(workers)] : []),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await Promise.race([
    new Promise((resolve) => child.stdout.once('data', resolve)),
    ended.then(() => Promise.reject(new Error(`serve of ${root} ended`))),
  ]);
  return {
    pid: child.pid as number,
    socket,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
