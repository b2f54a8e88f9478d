import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { projectRoot } from './engine.js';

const run = promisify(execFile);

/** For a hook that calls it, ms: a slow mirror, and others that are first. */
export const APT_MS = 900_000;

/** As test/support/apt.sh. Rejects where it fails. */
export async function apt(
  args: readonly [verb: 'install' | 'download' | 'closure', ...packages: string[]],
  { cwd }: { cwd?: string } = {},
): Promise<void> {
  await run(`${projectRoot}test/support/apt.sh`, args, {
    timeout: APT_MS,
    ...(cwd !== undefined && { cwd }),
  });
}
