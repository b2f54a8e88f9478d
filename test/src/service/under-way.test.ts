import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { ask } from '../../support/serve.js';
import { startService } from '../../support/service.js';

it('says what an end has to wait for', async () => {
  await using served = await startService();
  const { service, gateways } = served;
  expect(service.underWay(10_000)).toBe('nothing is under way');
  const body = { jobId: 'job-1', network: { Domains: ['example.com'] } };
  const { id } = (await ask(served.port, '/v1/gateways', { body })).body;
  const socket = connect(gateways.proxies.get(id)?.port ?? 0, '127.0.0.1');
  await once(socket, 'connect');
  await expect.poll(() => service.underWay(10_000)).toBe('waiting at most 10 s for 1 connection');
  socket.destroy();
});
