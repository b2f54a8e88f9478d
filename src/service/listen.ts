import { createHash } from 'node:crypto';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { withHostLock } from '../../docker/host/host-lock.js';
import { registerListener } from '../../proxy/decide/listeners.js';
import { machineAddresses } from '../../proxy/decide/machine-addresses.js';
import { UsageError } from '../errors.js';
import { formatSocketAddress, isLoopback, parseSocketAddress } from '../socket-address.js';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Reads `--listen`. @throws UsageError, also for an address that others reach where there is no token. */
export function parseListen(text: string, { hasToken }: { hasToken: boolean }): ListenAddress {
  if (text.startsWith('unix:')) {
    return { kind: 'unix', path: parseSocketPath(text, { flag: '--listen', example: 'jobgate.sock' }) };
  }
  const address = parseSocketAddress(text);
  if (!address) {
    throw new UsageError(`--listen ${text}: write unix:/PATH, or an IP address and a port: 127.0.0.1:13129`);
  }
  if (!hasToken && !isLoopback(address.host)) {
    throw new UsageError(
      `--listen ${text} is not loopback: name a file with a token that callers must show: --token-file`,
    );
  }
  return { kind: 'tcp', ...address };
}

/** Reads `unix:/PATH`, also as `unix:///PATH`. @throws UsageError */
export function parseSocketPath(
  text: string,
  { flag, example }: { readonly flag: string; readonly example: string },
): string {
  const path = text.replace(/^unix:(?:\/\/(?=\/))?/, '');
  if (text.startsWith('unix:') && /^\/[^/]/.test(path) && Buffer.byteLength(path) < 108) return path;
  throw new UsageError(
    `${flag} ${text}: write an absolute path of less than 108 bytes: unix:/run/jobgate/${example}`,
  );
}

export function formatListen(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return `http://${formatSocketAddress(address)}`;
}

/** What the operator would deny to keep jobs from what listens there, on every address of this machine if it does. */
export function denyEntries(address: ListenAddress): string[] {
  if (address.kind === 'unix') return [];
  const { host, port } = address;
  const hosts = /^(0\.0\.0\.0|[0:]+)$/.test(host) ? machineAddresses() : [host];
  return hosts.map((one) => formatSocketAddress({ host: one, port }));
}

/**
 * Begins to listen, and gives where. A unix socket is its owner's only (0600) from the first moment; that of a serve
 * that died is replaced.
 *
 * @throws UsageError where another program listens there.
 */
export async function listen(server: Server, address: ListenAddress): Promise<ListenAddress> {
  if (address.kind === 'unix') {
    await listenOnSocket(server, address.path);
    return address;
  }
  await bind(server, address, () => server.listen({ ...address, exclusive: true }));
  const { port } = server.address() as { port: number };
  // Never a target of a job, whatever the operator excepts.
  server.once('close', registerListener(address.host, port));
  return { ...address, port };
}

/** The same for a unix socket, which others may be let to afterwards. */
export async function listenOnSocket(
  server: Server,
  path: string,
  { flag = '--listen', mode, group }: { flag?: string; mode?: number; group?: string } = {},
): Promise<void> {
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16);
  await withHostLock(`listen-${name}`, () => listenUnix(server, path, flag));
  try {
    if (group !== undefined) chownSync(path, process.getuid?.() ?? 0, groupId(group));
    if (mode !== undefined) chmodSync(path, mode);
  } catch (error) {
    server.close();
    throw new UsageError(
      `${flag} unix:${path}: its group or mode cannot be set: ${(error as Error).message}`,
    );
  }
}

/** Whether a server listens, and its socket, where that is a file, is still there. */
export function isReachable(server: Server): boolean {
  if (!server.listening) return false;
  const address = server.address();
  return typeof address !== 'string' || lstatSync(address, { throwIfNoEntry: false })?.isSocket() === true;
}

function groupId(group: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${group}:`));
  const id = line?.split(':')[2];
  if (id === undefined) throw new Error(`there is no group ${group}`);
  return Number(id);
}

async function listenUnix(server: Server, path: string, flag: string): Promise<void> {
  await clearStale(path, flag);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new UsageError(`${flag} unix:${path}: ${(error as Error).message}`);
  }
  await bind(server, { kind: 'unix', path }, () => {
    const before = process.umask(0o177);
    try {
      server.listen({ path });
    } finally {
      process.umask(before);
    }
  });
}

async function clearStale(path: string, flag: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new UsageError(`${flag} unix:${path}: there is a file that is no socket`);
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
  if (alive)
    throw new UsageError(`${flag} unix:${path}: another program listens there; is a serve running already?`);
  rmSync(path, { force: true });
}

function bind(server: Server, address: ListenAddress, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const why: Record<string, string> = {
        EADDRINUSE: 'another program listens there; choose another port',
        EADDRNOTAVAIL: 'not an address of this machine',
        EACCES: 'no permission',
      };
      reject(new UsageError(`--listen ${formatListen(address)}: ${why[error.code ?? ''] ?? error.message}`));
    };
    server.once('error', fail);
    server.once('listening', () => {
      server.off('error', fail);
      resolve();
    });
    start();
  });
}
