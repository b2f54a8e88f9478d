import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { helloFor } from '../../support/client-hello.js';
import type { OriginPorts } from './origins.js';
import { openTunnel, type Via } from './tunnel.js';

const held = new Set<net.Socket>();
/** Tunnels that are being opened at any time. */
const AT_ONCE = 64;

export interface HoldWork {
  readonly via: Via;
  readonly count: number;
}

/** Opens tunnels that have each carried a ClientHello and a byte back, and leaves them open. */
export async function hold(origins: OriginPorts, { via, count }: HoldWork): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      await new Promise<void>((resolve, reject) => {
        const socket = openTunnel(via, origins.echo, () => resolve());
        held.add(socket);
        socket.once('close', () => {
          held.delete(socket);
          reject(new Error('a tunnel was closed'));
        });
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Opens tunnels to an origin that sends without end, and reads nothing of it. */
export async function stall(origins: OriginPorts, { via, count }: HoldWork): Promise<void> {
  const authority = `${via.host}:${origins.source}`;
  for (let i = 0; i < count; i++) {
    const socket = net.connect({ host: '127.0.0.1', port: via.proxy ?? 0 });
    held.add(socket);
    socket.once('close', () => held.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    socket.write(helloFor(via.host));
  }
}

/** Closes what is held. */
export async function release(): Promise<void> {
  for (const socket of held) socket.destroy();
  while (held.size > 0) await sleep(10);
}
