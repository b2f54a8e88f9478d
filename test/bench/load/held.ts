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
export function hold(origins: OriginPorts, { via, count }: HoldWork): Promise<void> {
  return repeat(count, () => {
    return new Promise((resolve, reject) => {
      const socket = keep(openTunnel(via, origins.echo, () => resolve()));
      socket.once('close', () => reject(new Error('a tunnel was closed')));
    });
  });
}

/** Opens tunnels to an origin that sends without end, and reads nothing of it. */
export function stall(origins: OriginPorts, { via, count }: HoldWork): Promise<void> {
  const authority = `${via.host}:${origins.source}`;
  return repeat(count, async () => {
    const socket = keep(net.connect({ host: '127.0.0.1', port: via.proxy ?? 0 }));
    socket.on('error', () => socket.destroy());
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    socket.write(helloFor(via.host));
  });
}

/** Closes what is held. */
export async function release(): Promise<void> {
  for (const socket of held) socket.destroy();
  while (held.size > 0) await sleep(10);
}

function keep(socket: net.Socket): net.Socket {
  held.add(socket);
  socket.once('close', () => held.delete(socket));
  return socket;
}

async function repeat(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
