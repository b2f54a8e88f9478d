import { createCipheriv, createHash } from 'node:crypto';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { helloFor } from '../../support/client-hello.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';

const MIB = 1_048_576;
const NAME = 'www.allowed.test';
const HELLO = helloFor(NAME);

/** Bytes that are the same nowhere else, in pieces of all sizes. */
function* pieces(seed: number, total: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  const sizes = [1, 1_400, 16_384, 65_536, 65_537, 300_000, 2 * MIB];
  for (let left = total, i = seed; left > 0; i++) {
    const length = Math.min(left, sizes[i % sizes.length] as number);
    left -= length;
    yield cipher.update(Buffer.alloc(length));
  }
}

function digestOf(seed: number, total: number): string {
  const hash = createHash('sha1');
  for (const piece of pieces(seed, total)) hash.update(piece);
  return hash.digest('hex');
}

async function send(socket: net.Socket, seed: number, total: number): Promise<void> {
  for (const piece of pieces(seed, total)) {
    if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

/** The hash of all that arrives behind the first `skip` bytes. A slow reader begins late and stops now and then. */
async function receive(socket: net.Socket, total: number, skip: number, slow: boolean): Promise<string> {
  const hash = createHash('sha1');
  let left = total;
  let pauseAt = total;
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    if (slow) setTimeout(() => socket.resume(), 300);
    socket.on('close', () => reject(new Error(`closed with ${left} bytes to come`)));
    socket.on('data', (chunk: Buffer) => {
      const bytes = chunk.subarray(skip);
      skip -= chunk.length - bytes.length;
      left -= bytes.length;
      hash.update(bytes);
      if (left === 0) resolve(hash.digest('hex'));
      if (!slow || left > pauseAt) return;
      pauseAt = left - 2 * MIB;
      socket.pause();
      setTimeout(() => socket.resume(), 5);
    });
    if (slow) socket.pause();
  });
}

interface Work {
  readonly rate: number | null;
  readonly tunnels: number;
  /** Bytes each way in each tunnel. */
  readonly bytes: number;
  readonly slow?: boolean;
}

/** Sends both ways at once through every tunnel, and compares what arrived with what was sent. */
async function check({ rate, tunnels, bytes, slow = false }: Work): Promise<void> {
  const ups: Promise<string>[] = [];
  await using origin = await startTcpOrigin((socket) => {
    ups.push(receive(socket, bytes, HELLO.length, slow));
    void send(socket, 200, bytes);
  });
  const authority = `${NAME}:${origin.port}`;
  await using proxy = await startProxy({
    rate,
    allow: [authority, `.allowed.test:${origin.port}`],
    addHosts: [[NAME, '127.0.0.1']],
  });
  const downs = Array.from({ length: tunnels }, async (_, i) => {
    const socket = net.connect({ port: proxy.port, host: '127.0.0.1' });
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    expect(answer.toString()).toBe('HTTP/1.1 200 Connection established\r\n\r\n');
    const down = receive(socket, bytes, 0, slow);
    socket.write(HELLO);
    await send(socket, i, bytes);
    return down;
  });
  const right = digestOf(200, bytes);
  expect(await Promise.all(downs)).toEqual(downs.map(() => right));
  const sent = downs.map((_, i) => digestOf(i, bytes));
  expect((await Promise.all(ups)).sort()).toEqual(sent.sort());
}

describe('what is sent is what arrives, both ways at once', () => {
  for (const [name, rate] of [
    ['unlimited', null],
    ['throttled', 4_000_000_000],
  ] as const) {
    it(`64 MiB through one tunnel, ${name}`, () => check({ rate, tunnels: 1, bytes: 64 * MIB }), 60_000);

    // More than there are large buffers.
    it(
      `4 MiB through each of 24 tunnels, ${name}`,
      () => check({ rate, tunnels: 24, bytes: 4 * MIB }),
      60_000,
    );

    it(
      `8 MiB through each of 20, to readers that begin late and stop, ${name}`,
      () => check({ rate, tunnels: 20, bytes: 8 * MIB, slow: true }),
      60_000,
    );
  }
});
