import type net from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ClientConnection } from '../../../proxy/accept/client-connection.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection whose client has sent its FIN and still reads. */
function halfClosed() {
  const raw = Object.assign(new PassThrough(), { bytesRead: 100, bytesWritten: 0 });
  const stream = raw as unknown as net.Socket;
  const options = { id: 1, client: '10.0.0.2', headerTimeoutMs: 1_000, onHeaderTimeout: () => {} };
  const connection = new ClientConnection({ ...options, raw: stream, stream });
  connection.spoke = true;
  connection.inFlight = 1;
  raw.emit('end');
  return raw;
}

test('a download to a client that has sent its FIN goes on, and holds no more the longer it lasts', () => {
  const raw = halfClosed();
  const listeners = raw.listenerCount('close');
  for (let i = 0; i < 100; i++) {
    raw.bytesWritten += 1_000;
    vi.advanceTimersByTime(500);
  }
  expect([raw.destroyed, raw.listenerCount('close')]).toEqual([false, listeners]);
  expect(vi.getTimerCount()).toBe(1);
  raw.emit('close');
  expect(vi.getTimerCount()).toBe(0);
});

test('one that gets nothing for a while is given up', () => {
  const raw = halfClosed();
  vi.advanceTimersByTime(500);
  expect(raw.destroyed).toBe(true);
});
