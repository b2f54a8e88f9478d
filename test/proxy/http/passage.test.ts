import { describe, expect, test } from 'vitest';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

describe('how long an origin says that it keeps a connection', () => {
  test.each([
    ['a second: none is left', 'keep-alive: timeout=1', 2],
    ['a second, behind other lines', 'X: y\r\nKEEP-ALIVE: timeout=1, max=9', 2],
    ['longer', 'Keep-Alive: timeout=9', 1],
    ['nothing that is understood', 'Keep-Alive: max=1', 1],
    ['the same in another header', 'X-KeepLive: timeout=1', 1],
  ])('%s', async (_, line, connections) => {
    await using origin = await startTcpOrigin((socket) => {
      socket.on('end', () => socket.end());
      socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${line}\r\n\r\nok`));
    });
    await using proxy = await startProxy({ nodeHttp: false });
    await using client = await RawClient.connect(proxy.port);
    for (const count of [1, 2]) {
      client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
      await expect.poll(() => client.text.match(/\r\n\r\nok/g)?.length).toBe(count);
    }
    expect(origin.accepted).toBe(connections);
  });
});
