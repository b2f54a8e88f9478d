import { createCipheriv } from 'node:crypto';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { helloFor } from '../../support/client-hello.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';

const MIB = 1_048_576;
const NAME = 'www.allowed.test';
const HELLO = helloFor(NAME);

const SIZES = [1, 1_400, 16_384, 65_536, 65_537, 300_000, 2 * MIB];
/** Bytes that are the same nowhere else. Each stream begins somewhere else in them. */
const BYTES = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16)).update(
  Buffer.alloc(20 * MIB),
);
const streamOf = (seed: number, length: number) => BYTES.subarray(seed * 65_521).subarray(0, length);

/** No record of TLS begins like that, which would be looked at. */
const FIRST = 0x80;

/** First which stream it is, then its bytes, in pieces of all sizes. */
async function send(socket: net.Socket, seed: number, length: number): Promise<void> {
  socket.write(Buffer.of(FIRST + seed));
  const bytes = streamOf(seed, length);
  for (let at = 0, i = seed; at < bytes.length; i++) {
    const piece = bytes.subarray(at, at + (SIZES[i % SIZES.length] as number));
    at += piece.length;
    if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

/**
 * Which stream arrives behind the first `skip` bytes, once all of it has. A slow reader begins late and stops now and
 * then.
 */
async function receive(socket: net.Socket, length: number, skip: number, slow: boolean): Promise<number> {
  let seed: number | undefined;
  let at = 0;
  let pauseAt = 0;
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    if (slow) setTimeout(() => socket.resume(), 300);
    socket.on('close', () => reject(new Error(`closed with ${length - at} bytes to come`)));
    socket.on('data', (chunk: Buffer) => {
      let bytes = chunk.subarray(skip);
      skip -= chunk.length - bytes.length;
      if (seed === undefined && bytes.length > 0) {
        seed = (bytes[0] as number) - FIRST;
        bytes = bytes.subarray(1);
      }
      const right = streamOf(seed ?? 0, length).subarray(at, at + bytes.length);
      if (!bytes.equals(right)) reject(new Error(`stream ${seed} differs at ${at}, or in what follows`));
      at += bytes.length;
      if (at === length) resolve(seed as number);
      if (!slow || at < pauseAt) return;
      pauseAt = at + 2 * MIB;
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

/** Sends both ways at once through every tunnel; what arrives is compared with what was sent. */
async function check({ rate, tunnels, bytes, slow = false }: Work): Promise<void> {
  const ups: Promise<number>[] = [];
  await using origin = await startTcpOrigin((socket) => {
    ups.push(receive(socket, bytes, HELLO.length, slow));
    void send(socket, tunnels, bytes);
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
  expect(await Promise.all(downs)).toEqual(downs.map(() => tunnels));
  expect((await Promise.all(ups)).sort((a, b) => a - b)).toEqual(downs.map((_, i) => i));
}

describe('what is sent is what arrives, both ways at once', () => {
  for (const [name, rate] of [
    ['unlimited', null],
    ['throttled', 4_000_000_000],
  ] as const) {
    it(`16 MiB through one tunnel, ${name}`, () => check({ rate, tunnels: 1, bytes: 16 * MIB }), 60_000);

    // More than there are large buffers.
    it(
      `3 MiB through each of 24 tunnels, ${name}`,
      () => check({ rate, tunnels: 24, bytes: 3 * MIB }),
      60_000,
    );

    it(
      `6 MiB through each of 20, to readers that begin late and stop, ${name}`,
      () => check({ rate, tunnels: 20, bytes: 6 * MIB, slow: true }),
      60_000,
    );
  }
});
