import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { apt } from './apt.js';

const run = promisify(execFile);

/** A program of Debian's packages. */
export interface DebianProgram {
  readonly package: string;
  /** Where it is in the package: `usr/bin/tinyproxy`. */
  readonly path: string;
}

export interface DebianBinary extends AsyncDisposable {
  /** Undefined where it is not installed and cannot be fetched. */
  readonly file: string | undefined;
}

/**
 * The program that is installed, or else that of Debian's package, unpacked into a folder of its own: no package is
 * installed and no service started. Where neither works it says so on stderr, and throws if CI is set.
 */
export async function debianBinary(program: DebianProgram): Promise<DebianBinary> {
  const name = basename(program.path);
  const there = installed(name);
  if (there !== undefined) return { file: there, [Symbol.asyncDispose]: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), `jobgate-${name}-`));
  const dispose = () => rm(folder, { recursive: true, force: true });
  const file = await fetched(program, folder);
  if (file === undefined) {
    await dispose();
    const problem = `${name} is not installed and apt-get cannot fetch it: tests against it are skipped`;
    if (process.env.CI) throw new Error(problem);
    console.error(`!!! ${problem}`);
  }
  return { file, [Symbol.asyncDispose]: dispose };
}

function installed(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

async function fetched(program: DebianProgram, folder: string): Promise<string | undefined> {
  try {
    await apt(['download', program.package], { cwd: folder });
    const file = (await readdir(folder)).find((one) => one.startsWith(`${program.package}_`)) ?? '';
    await run('dpkg', ['-x', join(folder, file), folder], { timeout: 30_000 });
    return join(folder, program.path);
  } catch {
    return undefined;
  }
}
