import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { apt } from './apt.js';
import { projectRoot } from './engine.js';

const run = promisify(execFile);

/** Programs of Debian's packages that tests start, and where they are in them. */
const PROGRAMS = {
  tinyproxy: { package: 'tinyproxy-bin', path: 'usr/bin/tinyproxy' },
  microsocks: { package: 'microsocks', path: 'usr/bin/microsocks' },
  busybox: { package: 'busybox-static', path: 'bin/busybox' },
  promtool: { package: 'prometheus', path: 'usr/bin/promtool' },
  'docker-registry': { package: 'docker-registry', path: 'usr/bin/docker-registry' },
} as const;

export type DebianProgram = keyof typeof PROGRAMS;

const FOLDER = join(projectRoot, 'node_modules/.cache/jobgate/debian');

/**
 * The program that is installed, or else that of Debian's package, unpacked into a folder that stays: no package is
 * installed and no service started. Where neither works it says so on stderr, and throws if CI is set.
 */
export async function debianBinary(name: DebianProgram): Promise<string | undefined> {
  const file = installed(name) ?? (await fetched(name));
  if (file === undefined) {
    const problem = `${name} is not installed and apt-get cannot fetch it: tests against it are skipped`;
    if (process.env.CI) throw new Error(problem);
    console.error(`!!! ${problem}`);
  }
  return file;
}

/** Fetches all of them now: tests in network namespaces of their own cannot. What fails is told where it is needed. */
export async function fetchDebianBinaries(): Promise<void> {
  for (const name of Object.keys(PROGRAMS) as DebianProgram[]) {
    if (!installed(name)) await fetched(name);
  }
}

function installed(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

async function fetched(name: DebianProgram): Promise<string | undefined> {
  const { package: from, path } = PROGRAMS[name];
  const there = join(FOLDER, from);
  if (existsSync(join(there, path))) return join(there, path);
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, `${from}-`));
  try {
    await apt(['download', from], { cwd: folder });
    const archive = readdirSync(folder).find((one) => one.startsWith(`${from}_`)) ?? '';
    await run('dpkg', ['-x', join(folder, archive), join(folder, 'unpacked')], { timeout: 60_000 });
    // Another one may have been as quick.
    if (!existsSync(there)) renameSync(join(folder, 'unpacked'), there);
    return join(there, path);
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
