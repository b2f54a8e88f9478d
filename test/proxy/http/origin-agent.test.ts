import net from 'node:net';
import { expect, test } from 'vitest';
import { MAX_FREE, OriginAgent } from '../../../proxy/http/origin-agent.js';

test('so many connections are kept over all origins, and no more', () => {
  const agent = new OriginAgent(() => Promise.reject(new Error('nothing is dialled')));
  const socket = new net.Socket();
  try {
    const free = agent.freeSockets as Record<string, net.Socket[]>;
    free.a = Array(MAX_FREE / 2).fill(socket);
    free.b = Array(MAX_FREE / 2 - 1).fill(socket);
    expect(agent.keepSocketAlive(socket)).toBe(true);
    free.b.push(socket);
    expect(agent.keepSocketAlive(socket)).toBe(false);
  } finally {
    socket.destroy();
  }
});
