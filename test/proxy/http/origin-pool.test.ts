import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_FREE } from '../../../proxy/http/origin-agent.js';
import { OriginPool } from '../../../proxy/http/origin-pool.js';
import type { JudgedTarget } from '../../../proxy/policy/judged.js';
import { type Origin, startTcpOrigin } from '../../support/origin.js';

/** Of the default key. */
const TARGET = { authority: { host: 'allowed.test', port: 80 } } as JudgedTarget;

let origin: Origin;
let pool: OriginPool;

beforeEach(async () => {
  origin = await startTcpOrigin((socket) => socket.on('end', () => socket.end()));
  pool = new OriginPool();
});

afterEach(async () => {
  vi.useRealTimers();
  pool.close();
  await origin.close();
});

async function connected(key = 'a') {
  const socket = net.connect(origin.port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return pool.connection(socket, key, TARGET);
}

describe('a connection that is kept', () => {
  test('serves what has its key, the last one first, once', async () => {
    const [first, second] = [await connected(), await connected()];
    pool.give(first, 'a', 1_000);
    pool.give(second, 'a', 1_000);
    expect(pool.take('b')).toBeUndefined();
    expect([pool.take('a'), pool.take('a'), pool.take('a')]).toEqual([second, first, undefined]);
    expect(first.reused).toBe(true);
  });

  test('is closed when its time is over', async () => {
    const [early, late] = [await connected(), await connected()];
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    pool.give(early, 'a', 2_000);
    pool.give(late, 'a', 9_000);
    vi.advanceTimersByTime(1_500);
    expect([early.isOpen, late.isOpen]).toEqual([true, true]);
    vi.advanceTimersByTime(2_000);
    expect([early.isOpen, late.isOpen]).toEqual([false, true]);
    expect([pool.take('a'), pool.take('a')]).toEqual([late, undefined]);
    vi.advanceTimersByTime(2_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    ['says something that nobody asked for', (socket: net.Socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n')],
    ['ends', (socket: net.Socket) => socket.end()],
    ['breaks', (socket: net.Socket) => socket.resetAndDestroy()],
  ])('is closed where the origin %s', async (_, act) => {
    const [one, other] = [await connected('a'), await connected('b')];
    pool.give(one, 'a', 60_000);
    pool.give(other, 'b', 60_000);
    const [socket] = [...origin.sockets];
    act(socket as net.Socket);
    await expect.poll(() => one.isOpen).toBe(false);
    expect([pool.take('a'), pool.take('b')]).toEqual([undefined, other]);
  });

  test('is one of so many, and of none whose time is over at once', async () => {
    pool.give(await connected(), 'a', 0);
    expect(pool.take('a')).toBeUndefined();
    const many = await Promise.all(Array.from({ length: MAX_FREE + 1 }, () => connected()));
    for (const one of many) pool.give(one, 'a', 60_000);
    expect(many.filter(({ isOpen }) => isOpen)).toHaveLength(MAX_FREE);
    pool.discard('a');
    expect(many.filter(({ isOpen }) => isOpen)).toHaveLength(0);
  });
});
