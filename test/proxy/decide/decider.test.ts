import { expect, test } from 'vitest';
import { startEchoOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';
import { closedPort } from '../../support/silent-listener.js';

test('of a host that cannot be reached a job is told no more than that', async () => {
  const port = await closedPort();
  await using proxy = await startProxy({ allow: [`allowed.test:${port}`] });
  const answer = await RawClient.exchange(proxy.port, `CONNECT allowed.test:${port} HTTP/1.1\r\n\r\n`);
  expect(denialOf(answer)).toBe('connect-failed');
  expect(proxy.decisions).toMatchObject([{ reason: 'connect-failed', address: '127.0.0.1' }]);
  expect(proxy.decisions[0]).not.toHaveProperty('detail');
});

test('what was decided last says nothing of another host, port or kind of request', async () => {
  await using origin = await startEchoOrigin();
  await using proxy = await startProxy({
    allow: [`allowed.test:${origin.port}`, 'web.test'],
    addHosts: [
      ['allowed.test', '127.0.0.1'],
      ['web.test', '127.0.0.1'],
      ['other.test', '127.0.0.1'],
    ],
  });
  const connect = (target: string) => RawClient.exchange(proxy.port, `CONNECT ${target} HTTP/1.1\r\n\r\n`);
  const get = (target: string) =>
    RawClient.exchange(proxy.port, `GET http://${target}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  for (let i = 0; i < 2; i++) {
    expect(statusOf(await get(`allowed.test:${origin.port}`))).toBe(200);
    expect(denialOf(await get(`other.test:${origin.port}`))).toBe('domain-not-allowed');
    expect(statusOf(await get(`allowed.test:${origin.port}`))).toBe(200);
    expect(denialOf(await get('allowed.test:1024'))).toBe('port-not-allowed');
    // Without a port, an entry is for the usual ones of each kind.
    expect(denialOf(await get('web.test:443'))).toBe('port-not-allowed');
    expect(denialOf(await connect('web.test:443'))).not.toBe('port-not-allowed');
    expect(denialOf(await get('web.test:443'))).toBe('port-not-allowed');
  }
});
