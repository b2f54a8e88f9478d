import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openOwner } from '../../../docker/gateway/owner.js';
import { parse } from '../../admission/jobs.js';
import { Cleanup } from '../../support/cleanup.js';
import { ask } from '../../support/serve.js';
import { FakeEngine, startService, type TestService } from '../../support/service.js';

describe('the gateways of a serve', () => {
  let cleanup: Cleanup;
  let served: TestService;
  let engine: FakeEngine;
  const lines: string[] = [];
  beforeEach(async () => {
    cleanup = new Cleanup();
    engine = new FakeEngine();
    lines.length = 0;
    const log = (fields: object, message: string) => lines.push(JSON.stringify({ ...fields, message }));
    served = cleanup.use(
      await startService({}, { engine, logger: { debug: log, info: log, warn: log, error: log } }),
    );
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const wanted = { jobId: 'job-1', executionId: 'e-1', network: { Domains: ['example.com'] } };
  const openGateway = (body: object = wanted) => ask(served.port, '/v1/gateways', { body });
  const policy = { job: 'job-1', allow: ['example.com'], rate: null };

  it('are no more opened while it ends, also where admission was asked before', async () => {
    expect((await openGateway()).status).toBe(201);
    const late = served.service.gateways.open({ ...policy, execution: 'e-2' }, async () =>
      served.service.gateways.stopTaking(),
    );
    await expect(late).rejects.toThrow('this serve is ending');
    expect(await openGateway({ ...wanted, executionId: 'e-3' })).toMatchObject({
      status: 503,
      body: { error: 'closing' },
    });
    expect(served.gateways.proxies.size).toBe(1);
    // What is open is still given.
    expect((await openGateway()).status).toBe(200);
  });

  it('can be asked for again after they could not be opened, or were refused', async () => {
    served.gateways.problem = new Error('no');
    expect((await openGateway()).status).toBe(500);
    served.gateways.problem = undefined;
    const refused = served.service.gateways.open({ ...policy, execution: 'e-1' }, () =>
      Promise.reject(new Error('refused')),
    );
    await expect(refused).rejects.toThrow('refused');
    expect(served.gateways.proxies.size).toBe(0);
    expect((await openGateway()).status).toBe(201);
  });

  it('are closed though their network stays, which goes later', async () => {
    const owner = cleanup.use(await openOwner('serve'));
    const { body } = await openGateway();
    const hex = engine.addNetwork(owner.ref, { job: 'job-1' });
    const { gateway } = served.service.gateways.get(body.id);
    const network = { ...gateway.network, id: `network-${hex}`, name: `jobgate-${hex}` };
    Object.assign(gateway, { network, close: () => Promise.reject(new Error('has active endpoints')) });
    expect(await ask(served.port, `/v1/gateways/${body.id}`, { method: 'DELETE' })).toMatchObject({
      status: 200,
      body: { state: 'closed' },
    });
    expect(engine.networks).toHaveLength(1);
    await vi.waitFor(() => expect(engine.networks).toHaveLength(0));
  });

  it('are counted without the names of hosts and jobs', async () => {
    const { body } = await openGateway();
    const port = served.gateways.proxies.get(body.id)?.port ?? 0;
    for (const host of ['one.example.net', 'two.example.net']) {
      expect((await ask(port, `http://${host}/`)).status).toBe(403);
    }
    await vi.waitFor(async () => {
      const { body: metrics } = await ask(served.port, '/metrics');
      expect(metrics).toContain('jobgate_decisions_total{decision="deny",reason="domain-not-allowed"} 2');
      expect(metrics).toContain('jobgate_gateways{state="open"} 1');
      expect(metrics).not.toMatch(/example|job-1|e-1/);
    });
  });

  it('have their requests logged without query', async () => {
    await ask(served.port, '/v1/gateways?token=hunter2');
    await ask(served.port, '/nothing?token=hunter2');
    await vi.waitFor(() => expect(lines.join('\n')).toContain('"path":"/nothing"'));
    expect(lines.join('\n')).toContain('"path":"/v1/gateways"');
    expect(lines.join('\n')).not.toContain('hunter2');
  });

  it('and jobs that have ended are forgotten one day', async () => {
    const Engine = { Type: 'docker', Params: { Image: 'ubuntu' } };
    const job = parse({ Tasks: [{ Name: 'main', Engine, Network: { Type: 'None' } }] });
    for (let i = 0; i < 510; i++) await served.service.jobs.start({ ...job, id: `job-${i}` });
    const { jobs } = (await ask(served.port, '/v1/jobs')).body;
    expect(jobs.length).toBeLessThanOrEqual(501);
    expect(jobs.at(-1)).toMatchObject({ id: 'job-509' });
  });
});
