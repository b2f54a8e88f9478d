import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openOwner } from '../../../../docker/gateway/owner.js';
import { spec } from '../../../admission/jobs.js';
import { Cleanup } from '../../../support/cleanup.js';
import { startOrigin } from '../../../support/origin.js';
import { ask } from '../../../support/serve.js';
import { FakeEngine, startService, type TestService } from '../../../support/service.js';

let cleanup: Cleanup;
beforeEach(() => {
  cleanup = new Cleanup();
});
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  vi.useRealTimers();
});

const HTTP = { Network: { Type: 'HTTP', Domains: ['example.com'] } };
const open = async ({ port }: TestService, body: object) => (await ask(port, '/v1/gateways', { body })).body;
const refuse = (served: TestService, id: string, host: string) =>
  ask(served.gateways.proxies.get(id)?.port ?? 0, `http://${host}/`);

describe('what people call a job', () => {
  const hostile = `<img src=x> \u202egnp.exe\n${'x'.repeat(500)}`;
  const shown = `<img src=x> gnp.exe ${'x'.repeat(108)}`;

  it('is the name in its spec, as a line that can be shown, else its id', async () => {
    const served = cleanup.use(await startService());
    const named = await open(served, { jobId: 'job-1', job: spec(HTTP, { Name: hostile }) });
    expect(named).toMatchObject({ jobId: 'job-1', name: shown });
    expect(await open(served, { jobId: 'job-2', network: HTTP.Network })).toMatchObject({ name: 'job-2' });
    const { gateways } = (await ask(served.port, '/v1/gateways')).body;
    expect(gateways.map(({ name }: { name: string }) => name)).toEqual([shown, 'job-2']);
    // It is no part of what the gateway is: another one is no other policy.
    const again = await open(served, { jobId: 'job-1', job: spec(HTTP, { Name: 'other' }) });
    expect(again).toMatchObject({ id: named.id, name: shown });
    const headers = { 'if-match': '*' };
    const changed = await ask(served.port, `/v1/gateways/${named.id}`, {
      ...{ method: 'PATCH', body: { allow: ['example.net'] }, headers },
    });
    expect(changed).toMatchObject({ status: 200, body: { name: shown } });
  });

  it('is that of a job of serve as well', async () => {
    const served = cleanup.use(await startService());
    const Engine = { Type: 'docker', Params: { Image: 'none' } };
    for (const [ID, Name] of Object.entries({ a: 'Weather', b: '' })) {
      const { body } = await ask(served.port, '/v1/jobs', { body: spec({ Engine }, { ID, Name }) });
      expect(body).toMatchObject({ id: ID, name: Name || ID });
    }
  });

  it('is known to the next serve', async () => {
    const engine = new FakeEngine();
    const dead = await openOwner('serve');
    await dead.close();
    const id = engine.addNetwork(dead.ref, { name: 'Weather' });
    const served = cleanup.use(await startService({}, { engine }));
    expect((await ask(served.port, `/v1/gateways/${id}`)).body).toMatchObject({
      name: 'Weather',
      reopened: true,
    });
  });

  it('is remembered of what nodes ask admission about, of the last five thousand', async () => {
    const { port, service } = cleanup.use(await startService());
    await ask(port, '/v1/admission', { body: { Job: spec(HTTP, { ID: 'j-1', Name: 'Weather' }) } });
    await ask(port, '/v1/admission', { body: { Job: spec(HTTP, { ID: 'j-2', Name: 'j-2' }) } });
    expect(service.names.of('j-1')).toEqual({ name: 'Weather' });
    expect(service.names.of('j-2')).toEqual({});
    for (let i = 0; i < 5_000; i++) service.names.add({ id: `k-${i}`, name: 'another' });
    expect(service.names.of('j-1')).toEqual({});
    expect(service.names.of('k-0')).toEqual({ name: 'another' });
  });

  it('is not what a stranger on the machine tells admission later, of a job that is refused, or of many', async () => {
    const served = cleanup.use(await startService({}, { env: { JOBGATE_ALLOWED_DOMAINS: 'example.com' } }));
    const { port, service } = served;
    const asked = async (ID: string, Name: string, more = HTTP) =>
      (await ask(port, '/v1/admission', { body: { Job: spec(more, { ID, Name }) } })).body.shouldBid;
    expect(await asked('refused', 'Weather', { Network: { Type: 'HTTP', Domains: ['other.example'] } })).toBe(
      false,
    );
    expect(service.names.of('refused')).toEqual({});
    expect(await asked('j-1', 'Weather')).toBe(true);
    expect(await asked('j-1', 'another')).toBe(true);
    expect(service.names.of('j-1')).toEqual({ name: 'Weather' });
    await open(served, { jobId: 'j-1', network: HTTP.Network });
    for (let i = 0; i < 5_000; i++) service.names.add({ id: `k-${i}`, name: 'another' });
    expect(service.names.of('j-1')).toEqual({ name: 'Weather' });
    expect(service.names.of('k-0')).toEqual({});
  });
});

describe('an hour of a node', () => {
  let served: TestService;
  beforeEach(async () => {
    vi.useFakeTimers({
      now: Date.UTC(2030, 0, 1),
      toFake: ['setInterval', 'clearInterval', 'performance', 'Date'],
    });
    served = cleanup.use(await startService({ keepEnded: '1m' }));
  });
  const about = async (path: string) => (await ask(served.port, path)).body;

  it('is kept for each gateway, also when it has ended, and for all of them', async () => {
    const ids = [];
    for (const jobId of ['job-1', 'job-2'])
      ids.push((await open(served, { jobId, network: HTTP.Network })).id);
    const [one, two] = ids;
    for (let i = 0; i < 3; i++) await refuse(served, one, 'a.evil.test');
    await refuse(served, two, 'b.evil.test');
    vi.advanceTimersByTime(10_000);
    await refuse(served, two, 'b.evil.test');
    vi.advanceTimersByTime(10_000);
    const history = await about(`/v1/gateways/${one}/history`);
    expect(history).toMatchObject({ step: 10_000, denied: [3, 0], allowed: [0, 0] });
    expect(history.up[0]).toBeGreaterThan(0);
    expect(history.up[1]).toBe(0);
    expect((await about(`/v1/gateways/${two}/history`)).denied).toEqual([1, 1]);
    expect((await about('/v1/overview')).history).toMatchObject({ from: history.from, denied: [4, 1] });

    await ask(served.port, `/v1/gateways/${one}`, { method: 'DELETE' });
    vi.advanceTimersByTime(10_000);
    expect((await about(`/v1/gateways/${one}/history`)).denied).toEqual([3, 0, 0]);
    const ended = await about(`/v1/gateways/${one}`);
    expect(ended).toMatchObject({ id: one, state: 'closed', figures: { denied: 3 } });
    expect(ended.figures.hosts).toMatchObject([{ host: 'a.evil.test', registrable: 'evil.test' }]);
    const { gateways, refused } = await about('/v1/overview');
    expect(gateways).toEqual({ open: 1, draining: 0, failed: 0, ended: 1 });
    expect(refused).toEqual({
      total: 5,
      top: [
        {
          ...{ domain: 'evil.test', hosts: 1, gateways: 2, count: 5 },
          reasons: { 'domain-not-allowed': 5 },
        },
      ],
    });
    // Of one that is forgotten the node still has what it did.
    vi.advanceTimersByTime(3_600_000);
    expect((await ask(served.port, `/v1/gateways/${one}/history`)).status).toBe(404);
    expect((await ask(served.port, `/v1/gateways/${one}`)).status).toBe(404);
    expect((await about('/v1/overview')).refused.total).toBe(5);
    expect((await about('/v1/overview')).history.denied).toHaveLength(360);
  });
});

it('a host has the bytes of what ended, and an ended gateway keeps them', async () => {
  const here = { allowAddress: ['127.0.0.0/8'], addHost: ['a.allowed.test:127.0.0.1'], rate: 'unlimited' };
  const served = cleanup.use(await startService(here));
  const origin = cleanup.use(await startOrigin((_request, response) => response.end('x'.repeat(50_000))));
  const Domains = [`a.allowed.test:${origin.port}`];
  const { id } = await open(served, { jobId: 'job-1', network: { Domains } });
  const host = `a.allowed.test:${origin.port}`;
  const proxy = served.gateways.proxies.get(id)?.port ?? 0;
  expect((await ask(proxy, `http://${host}/`, { headers: { host } })).status).toBe(200);
  const hosts = async () => (await ask(served.port, `/v1/gateways/${id}`)).body.figures.hosts;
  const line = { host: 'a.allowed.test', registrable: 'allowed.test', allowed: 1 };
  await expect.poll(async () => (await hosts())[0]?.down, { interval: 20 }).toBeGreaterThan(50_000);
  expect(await hosts()).toMatchObject([line]);
  await ask(served.port, `/v1/gateways/${id}`, { method: 'DELETE' });
  expect(await hosts()).toMatchObject([{ ...line, up: expect.any(Number), down: expect.any(Number) }]);
});
