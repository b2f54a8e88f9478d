import { getDomain } from 'tldts';
import { afterAll, expect, it, vi } from 'vitest';
import { Cleanup } from '../../../support/cleanup.js';
import { ask } from '../../../support/serve.js';
import { startService } from '../../../support/service.js';

vi.mock('tldts', async (original) => {
  const real = await original<typeof import('tldts')>();
  return { ...real, getDomain: vi.fn(real.getDomain) };
});

const suite = new Cleanup();
afterAll(() => suite[Symbol.asyncDispose]());

it('the domain of a host is looked up once, however often its gateway is asked for', async () => {
  const served = suite.use(await startService());
  const network = { Type: 'HTTP', Domains: ['example.com'] };
  const { body } = await ask(served.port, '/v1/gateways', { body: { jobId: 'job-1', network } });
  await ask(served.gateways.proxies.get(body.id)?.port ?? 0, 'http://a.evil.test/');
  const hosts = async () => (await ask(served.port, `/v1/gateways/${body.id}`)).body.figures.hosts;
  vi.mocked(getDomain).mockClear();
  expect(await hosts()).toMatchObject([{ host: 'a.evil.test', registrable: 'evil.test' }]);
  expect(getDomain).toHaveBeenCalledTimes(1);
  expect(await hosts()).toMatchObject([{ host: 'a.evil.test', registrable: 'evil.test' }]);
  expect(getDomain).toHaveBeenCalledTimes(1);
});
