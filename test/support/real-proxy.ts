import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closedPort } from './silent-listener.js';

/** tinyproxy is an HTTP proxy, microsocks a SOCKS5 proxy; both need nothing but the C library. */
export type RealProxyKind = 'tinyproxy' | 'microsocks';

export interface RealProxyOptions {
  readonly kind: RealProxyKind;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Ports that tinyproxy allows CONNECT to; default all. */
  readonly connectPorts?: readonly number[];
}

export interface RealProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a proxy on 127.0.0.1 and settles once it accepts connections. */
export async function startRealProxy(
  binary: string,
  { kind, credentials, connectPorts }: RealProxyOptions,
): Promise<RealProxy> {
  const port = await closedPort();
  const directory = await mkdtemp(join(tmpdir(), 'jobgate-proxy-'));
  const args = kind === 'microsocks' ? microsocksArgs() : await tinyproxyArgs();
  const child = spawn(binary, args, { stdio: 'ignore' });
  const close = async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true });
  };
  for (let i = 0; i < 100; i++) {
    if (await accepts(port)) return { port, close, [Symbol.asyncDispose]: close };
    await sleep(50);
  }
  await close();
  throw new Error(`${kind} did not start`);

  function microsocksArgs(): string[] {
    const auth = credentials ? ['-u', credentials.username, '-P', credentials.password] : [];
    return ['-i', '127.0.0.1', '-p', String(port), ...auth];
  }

  async function tinyproxyArgs(): Promise<string[]> {
    const lines = ['Listen 127.0.0.1', `Port ${port}`, 'Timeout 60', 'MaxClients 50', 'Allow 127.0.0.1'];
    if (credentials) lines.push(`BasicAuth ${credentials.username} ${credentials.password}`);
    for (const one of connectPorts ?? []) lines.push(`ConnectPort ${one}`);
    const file = join(directory, 'tinyproxy.conf');
    await writeFile(file, `${lines.join('\n')}\n`);
    return ['-d', '-c', file];
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await exit;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = netConnect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
