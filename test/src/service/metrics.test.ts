import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isReachable, listenOnSocket } from '../../../src/service/listen.js';
import { Cleanup } from '../../support/cleanup.js';
import { ask } from '../../support/serve.js';
import { ALL_PARTS, FakeEngine, startService, type TestService } from '../../support/service.js';

describe('metrics', () => {
  let cleanup: Cleanup;
  let served: TestService;
  const engine = new FakeEngine();
  const figures = { running: 2, deaths: 0, processes: [], checks: 0, repairs: 0, failures: 0 };
  let gate = true;
  beforeEach(async () => {
    cleanup = new Cleanup();
    const parts = { workers: () => figures, lockdown: () => figures, gate: () => gate };
    served = cleanup.use(await startService({}, { engine, parts }));
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const text = async (): Promise<string> => (await ask(served.port, '/metrics')).body;

  it('say what runs, and what its process takes', async () => {
    const found = await text();
    expect(found).toMatch(
      /^jobgate_build_info\{version="\d+\.\d+\.\d+[^"]*",node="\d+\.\d+\.\d+[^"]*"\} 1$/m,
    );
    expect(found).toMatch(/^process_cpu_seconds_total \d/m);
    expect(found).toMatch(/^process_resident_memory_bytes [1-9]/m);
    expect(found).toMatch(/^process_open_fds [1-9]/m);
    expect(found).not.toContain('nodejs_');
  });

  it('tell workers, the lock-down, the gate and the engine as they are when they are asked for', async () => {
    const before = await text();
    expect(before).toMatch(/^jobgate_workers 2$/m);
    expect(before).toMatch(/^jobgate_worker_deaths_total 0$/m);
    expect(before).toMatch(/^jobgate_lockdown_failures_total 0$/m);
    expect(before).toMatch(/^jobgate_gate_up 1$/m);
    expect(before).toMatch(/^jobgate_engine_up 1$/m);
    Object.assign(figures, { deaths: 3, repairs: 1, failures: 1 });
    gate = false;
    engine.leave();
    await vi.waitFor(async () => expect(await text()).toMatch(/^jobgate_engine_up 0$/m));
    const after = await text();
    expect(after).toMatch(/^jobgate_worker_deaths_total 3$/m);
    expect(after).toMatch(/^jobgate_lockdown_repairs_total 1$/m);
    expect(after).toMatch(/^jobgate_lockdown_failures_total 1$/m);
    expect(after).toMatch(/^jobgate_gate_up 0$/m);
  });

  it('leave out the parts that there are not', async () => {
    await using bare = await startService();
    const { body } = await ask(bare.port, '/metrics');
    expect(body).toContain('jobgate_engine_up');
    expect(body).not.toMatch(/jobgate_(workers|worker_deaths|lockdown|gate_up)/);
  });

  it('count budgets, and those of which nothing is left, in all or with one host', async () => {
    engine.isAway = false;
    await using other = await startService({}, { parts: ALL_PARTS });
    const open = async (jobId: string, budget?: string) => {
      const body = { jobId, executionId: jobId, network: { Domains: ['example.com'] }, budget };
      const { body: view } = await ask(other.port, '/v1/gateways', { body });
      return other.service.gateways.get(view.id).ledger;
    };
    await open('none');
    const all = await open('all', 'down=1MB');
    const host = await open('host', 'host-up=1MB');
    const counts = async () => {
      const { body } = await ask(other.port, '/metrics');
      return [...body.matchAll(/^jobgate_budgets\{.*$/gm)].map(([line]) => line).sort();
    };
    const counted = (left: number, usedUp: number) => [
      `jobgate_budgets{state="left"} ${left}`,
      `jobgate_budgets{state="used-up"} ${usedUp}`,
    ];
    expect(await counts()).toEqual(counted(2, 0));
    await all.grant('down', 999_999);
    await host.grant('up', 999_999, 'example.com');
    expect(await counts()).toEqual(counted(2, 0));
    await host.grant('up', 1, 'example.com');
    expect(await counts()).toEqual(counted(1, 1));
    await all.grant('down', 1);
    expect(await counts()).toEqual(counted(0, 2));
  });

  it('have as many series before a job asks for anything as after', async () => {
    engine.isAway = false;
    await using other = await startService();
    const series = async () => {
      const { body } = await ask(other.port, '/metrics');
      return body.split('\n').filter((line: string) => line !== '' && !line.startsWith('#')).length;
    };
    const before = await series();
    for (const id of ['job-1', 'job-2']) {
      const body = { jobId: id, executionId: id, network: { Domains: ['example.com'] } };
      const { body: view } = await ask(other.port, '/v1/gateways', { body });
      const port = other.gateways.proxies.get(view.id)?.port ?? 0;
      for (const host of ['one', 'two', '169.254.169.254'])
        expect((await ask(port, `http://${host}/`)).status).toBe(403);
    }
    await vi.waitFor(async () => {
      const { body } = await ask(other.port, '/metrics');
      expect(body).toMatch(/jobgate_decisions_total\{decision="deny",reason="domain-not-allowed"\} [2-9]/);
    });
    expect(await series()).toBe(before);
  });
});

it('a gate whose socket was removed is not reachable', async () => {
  const path = join(tmpdir(), `jobgate-reach-${process.pid}.sock`);
  const server = createServer();
  expect(isReachable(server)).toBe(false);
  await listenOnSocket(server, path);
  try {
    expect(isReachable(server)).toBe(true);
    await rm(path);
    expect(isReachable(server)).toBe(false);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
