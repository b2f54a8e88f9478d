import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { capabilities } from '../util/own-process.js';
import { packageFile } from '../util/package-files.js';

/** Of a worker's objects, MB; what is buffered for connections comes on top. */
const OLD_SPACE_MB = 1024;

const MAIN = fileURLToPath(packageFile('dist/proxy/worker/worker-main.js'));

/** Nothing of this process's. Threads for look-ups by getaddrinfo, which names that get no answer hold (system.ts). */
export const WORKER_ENV = { UV_THREADPOOL_SIZE: '24' };

/**
 * What starts a worker: Node, behind what takes away all that this process may do and a worker need not (util-linux's
 * `setpriv` and `prlimit`, where they are). The environment is `WORKER_ENV`, the folder `/`.
 *
 * @param main the program; it must leave root behind itself (privileges.ts)
 */
export function workerCommand(main = MAIN): string[] {
  const node = [process.execPath, `--max-old-space-size=${OLD_SPACE_MB}`, '--max-semi-space-size=1'];
  return [...limits(), ...reduction(), ...node, ...permissions(main), main];
}

/** No file gets a byte, a dump of its memory neither; a socket is no file. */
function limits(): string[] {
  const prlimit = find('prlimit');
  return prlimit === undefined ? [] : [prlimit, '--fsize=0:0', '--core=0:0', '--'];
}

/**
 * Root keeps what it takes to become somebody else, which is the first that a worker does: its own files may be in a
 * folder that is root's alone.
 */
function reduction(): string[] {
  const setpriv = find('setpriv');
  if (setpriv === undefined) return [];
  const bounds = process.getuid?.() === 0 && hasSetpcap() ? ['--bounding-set=-all,+setuid,+setgid'] : [];
  return [setpriv, '--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all', ...bounds, '--'];
}

/** A jobgate that was given few capabilities may not have the one by which others are taken away for good. */
function hasSetpcap(): boolean {
  const CAP_SETPCAP = 8n;
  return ((capabilities('effective') >> CAP_SETPCAP) & 1n) === 1n;
}

/** Node's own walls, where they are past their trial (22 and later): no process, no thread, no file but its own code. */
function permissions(main: string): string[] {
  const flags = process.allowedNodeEnvironmentFlags;
  if (!flags.has('--permission')) return [];
  const readable = new Set([
    fileURLToPath(packageFile('dist/')),
    `${dirname(main)}/`,
    '/proc/net/',
    '/proc/self/status',
    '/proc/self/limits',
  ]);
  return [
    '--permission',
    ...[...readable].map((path) => `--allow-fs-read=${path}`),
    // Else any process of the same user could have it open its debugger.
    ...(flags.has('--disable-sigusr1') ? ['--disable-sigusr1'] : []),
    // From 25 on, the network is behind the wall as well.
    ...(flags.has('--allow-net') ? ['--allow-net'] : []),
  ];
}

function find(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
