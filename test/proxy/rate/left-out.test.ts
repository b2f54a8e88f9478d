import { afterEach, describe, expect, it } from 'vitest';
import { Cleanup } from '../../support/cleanup.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

/** Bytes per second, for each direction. */
const RATE = 1_000_000;
const ROUNDS = 16;
/** What each answer draws at least that the job gets nothing of. */
const LEFT_OUT = 65_536;

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok';

/** What an origin says to a request, and how much of it is paid for at least. */
const ANSWERS: [string, string, number][] = [
  // What was read, and what came behind it.
  ['an answer that cannot be read', 'x'.repeat(4 * LEFT_OUT), 2 * LEFT_OUT],
  [
    'a 100 that nobody asked for',
    `HTTP/1.1 100 Continue\r\nX: ${'x'.repeat(60_000)}\r\n\r\n`.repeat(2) + OK,
    LEFT_OUT,
  ],
];

/** Ms for so many requests, one after the other. */
async function ask(answer: string, nodeHttp: boolean): Promise<number> {
  const origin = cleanup.use(
    await startTcpOrigin((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(answer));
    }),
  );
  const allow = [`allowed.test:${origin.port}`];
  const proxy = cleanup.use(await startProxy({ rate: RATE * 8, allow, nodeHttp }));
  const request = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  const began = performance.now();
  for (let i = 0; i < ROUNDS; i++) expect(await RawClient.exchange(proxy.port, request)).not.toBe('');
  return performance.now() - began;
}

describe.each([false, true])('of what an origin answers (by Node: %s)', (nodeHttp) => {
  it.each(ANSWERS)('%s is paid for, though the job gets nothing of it', async (_, answer, bytes) => {
    // The first debt is the last round's; the burst was free.
    const least = (((ROUNDS - 2) * bytes) / RATE) * 1000;
    expect(await ask(answer, nodeHttp)).toBeGreaterThan(least * 0.9);
  });

  it.each(['end', 'resetAndDestroy'] as const)('none at all costs nothing: %s', async (end) => {
    const origin = cleanup.use(
      await startTcpOrigin((socket) => void socket.on('error', () => {}).once('data', () => socket[end]())),
    );
    const allow = [`allowed.test:${origin.port}`];
    const proxy = cleanup.use(await startProxy({ rate: RATE * 8, allow, nodeHttp }));
    const request = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    for (let i = 0; i < 2 * ROUNDS; i++)
      expect(await RawClient.exchange(proxy.port, request)).toContain('origin-broken');
    expect(proxy.proxy.figures().throttledMs.down).toBe(0);
  });

  it('what the job gets is paid for once', async () => {
    const body = 'x'.repeat(LEFT_OUT);
    const took = await ask(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`, nodeHttp);
    expect(took).toBeLessThan(((1.5 * ROUNDS * LEFT_OUT) / RATE) * 1000);
  });

  it('an origin that sends ends of lines for ever is cut', async () => {
    const origin = cleanup.use(
      await startTcpOrigin((socket) => {
        const more = () => {
          while (socket.writable && socket.write('\r\n'.repeat(32_768)));
        };
        socket.on('error', () => {}).on('drain', more);
        socket.once('data', more);
      }),
    );
    const allow = [`allowed.test:${origin.port}`];
    const proxy = cleanup.use(await startProxy({ allow, nodeHttp }));
    const request = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(await RawClient.exchange(proxy.port, request)).toMatch(/^HTTP\/1.1 502 .*origin-broken/);
    await expect.poll(() => origin.sockets.size).toBe(0);
  });
});
