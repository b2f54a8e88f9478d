import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Cleanup } from '../../support/cleanup.js';
import { type Origin, startTcpOrigin } from '../../support/origin.js';
import { startProxy, type TestProxy } from '../../support/proxy.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

/** Bytes per second, for each direction. */
const RATE = 1_000_000;
const ROUNDS = 16;
/** What each leaves unread, at least: Linux's receive buffer as it begins. */
const UNREAD = 131_072;

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';

const whileDrained = (socket: Socket) => {
  const more = () => {
    while (socket.writable && socket.write(Buffer.alloc(65_536)));
  };
  socket.on('drain', more);
  more();
};

/**
 * An origin whose answer has no end: it comes at once, or where it is a WebSocket once it is asked for.
 * @param send what is behind its head
 */
const startEndless = (what: string, send: (socket: Socket) => void) =>
  startTcpOrigin((socket) => {
    const begin = (head: string) => {
      socket.write(`HTTP/1.1 ${head}\r\n`);
      send(socket);
    };
    socket.on('error', () => {});
    if (what === 'a WebSocket') socket.once('data', () => begin(`101 Switching Protocols\r\n${UPGRADE}`));
    else begin('200 OK\r\n');
  });

const BY_NODE = "a request that Node's HTTP serves";
const GET = ({ port }: Origin) =>
  `GET http://allowed.test:${port}/ HTTP/1.1\r\nHost: allowed.test:${port}\r\n\r\n`;
const begin: Record<string, (origin: Origin) => string> = {
  'a tunnel': ({ port }) => `CONNECT allowed.test:${port} HTTP/1.1\r\nHost: allowed.test:${port}\r\n\r\n`,
  'a request': GET,
  [BY_NODE]: GET,
  'a WebSocket': ({ port }) =>
    `GET http://allowed.test:${port}/ HTTP/1.1\r\nHost: x\r\n${UPGRADE}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
};

async function start(what: string, send = whileDrained): Promise<{ proxy: TestProxy; origin: Origin }> {
  const origin = cleanup.use(await startEndless(what, send));
  const allow = [`allowed.test:${origin.port}`];
  return {
    origin,
    proxy: cleanup.use(
      await startProxy({ rate: RATE * 8, allow, checkTunnels: false, nodeHttp: what === BY_NODE }),
    ),
  };
}

/** Whether nobody takes what it sends any more. */
const isHeld = (socket: Socket) => socket.writableNeedDrain;

/** Ms for so many connections, one after the other, that are closed while the origin cannot go on. */
async function drop({ proxy, origin }: Awaited<ReturnType<typeof start>>, what: string): Promise<number> {
  const began = performance.now();
  for (let i = 0; i < ROUNDS; i++) {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(begin[what]?.(origin) ?? '');
    await expect.poll(() => [...origin.sockets].some(isHeld), { interval: 1 }).toBe(true);
    await sleep(30);
    socket.resetAndDestroy();
    await expect.poll(() => origin.sockets.size, { interval: 1 }).toBe(0);
  }
  return performance.now() - began;
}

describe.each(Object.keys(begin))('what an origin sends into %s and nobody reads', (what) => {
  it('is paid for before the job reaches anything else', async () => {
    const job = await start(what);
    // The first debt is the last round's; the burst was free.
    const least = (((ROUNDS - 2) * UNREAD) / RATE) * 1000;
    expect(await drop(job, what)).toBeGreaterThan(least * 0.9);
  });
});

describe.each(Object.keys(begin))('what an origin sends into %s, and is read', (what) => {
  it('costs nothing more where the origin ends there', async () => {
    const { proxy, origin } = await start(what, (socket) => void socket.end());
    for (let i = 0; i < 3 * ROUNDS; i++) {
      const socket = connect(proxy.port, '127.0.0.1');
      socket.end(begin[what]?.(origin) ?? '').resume();
      await once(socket, 'close');
    }
    expect(proxy.proxy.figures().throttledMs.down).toBe(0);
  });

  it('is not paid for once more when it is cut before its end', async () => {
    const { proxy, origin } = await start(what, (socket) => {
      socket.on('end', () => socket.end()).write('all of it');
      socket.resume();
    });
    for (let i = 0; i < 3 * ROUNDS; i++) {
      const socket = connect(proxy.port, '127.0.0.1');
      let read = '';
      socket
        .on('error', () => {})
        .on('data', (data) => {
          read += data;
        });
      socket.write(begin[what]?.(origin) ?? '');
      await expect.poll(() => read, { interval: 1 }).toContain('all of it');
      socket.resetAndDestroy();
      await expect.poll(() => origin.sockets.size, { interval: 1 }).toBe(0);
    }
    expect(proxy.proxy.figures().throttledMs.down).toBe(0);
  });
});

it('costs nothing where all is read', async () => {
  const whole = cleanup.use(
    await startTcpOrigin((socket) => {
      socket.on('error', () => {});
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
      );
    }),
  );
  const proxy = cleanup.use(await startProxy({ rate: RATE * 8, allow: [`allowed.test:${whole.port}`] }));
  const ask = `GET http://allowed.test:${whole.port}/ HTTP/1.1\r\nHost: allowed.test:${whole.port}\r\nConnection: close\r\n\r\n`;
  for (let i = 0; i < 3 * ROUNDS; i++) {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.write(ask);
    socket.resume();
    await once(socket, 'close');
  }
  expect(proxy.proxy.figures().throttledMs.down).toBe(0);
});
