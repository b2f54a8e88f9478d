import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { apt } from './apt.js';
import { projectRoot } from './engine.js';

const run = promisify(execFile);

/** testcontainers as anybody has it: of a version whose engine is 20.10, too. */
const TESTCONTAINERS = 'testcontainers@11.14.0';
const FOLDER = join(projectRoot, 'node_modules/.cache/jobgate/testcontainers');

/** The folder that the package is in, unpacked beside this project's own; undefined where it cannot be had. */
export async function testcontainers(): Promise<string | undefined> {
  const isThere = () => existsSync(join(FOLDER, 'node_modules/testcontainers/package.json'));
  if (!isThere()) {
    mkdirSync(FOLDER, { recursive: true });
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--prefix', FOLDER];
    await run('npm', ['install', ...options, TESTCONTAINERS], { timeout: 120_000 }).catch(() => {});
  }
  return isThere() ? FOLDER : lacking('testcontainers', 'npm');
}

/** Docker compose as a program of its own, as Debian has it; undefined where it cannot be had. */
export async function compose(): Promise<string | undefined> {
  const works = () =>
    run('docker-compose', ['version']).then(
      () => true,
      () => false,
    );
  if (!(await works())) await apt(['install', 'docker-compose']).catch(() => {});
  return (await works()) ? 'docker-compose' : lacking('docker-compose', 'apt-get');
}

/** Fetches them now: tests in network namespaces of their own cannot. */
export async function fetchGateClients(): Promise<void> {
  await Promise.all([testcontainers(), compose()]);
}

function lacking(name: string, by: string): undefined {
  console.error(`!!! ${name} is not here and ${by} cannot fetch it: the gate is NOT TESTED with it`);
  return undefined;
}
