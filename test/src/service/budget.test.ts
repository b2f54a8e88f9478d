import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cleanup } from '../../support/cleanup.js';
import { drain, startFlood } from '../../support/flood.js';
import { denialOf, RawClient } from '../../support/raw-client.js';
import { ask } from '../../support/serve.js';
import { FakeEngine, FakeGateways, startService } from '../../support/service.js';

let cleanup: Cleanup;
let state: string;
beforeEach(() => {
  cleanup = new Cleanup();
  state = join(mkdtempSync(join(tmpdir(), 'jobgate-test-')), 'state');
  cleanup.add(() => rmSync(join(state, '..'), { recursive: true }));
});
afterEach(() => cleanup[Symbol.asyncDispose]());

async function serve(env: Record<string, string> = {}, flags: object = {}) {
  const engine = new FakeEngine();
  const gateways = new FakeGateways();
  const here = { allowAddress: ['127.0.0.0/8'], addHost: ['allowed.test:127.0.0.1'], rate: 'unlimited' };
  const served = cleanup.use(
    await startService(
      { ...here, stateDirectory: state, ...flags },
      { env: { JOBGATE_CHECK_TUNNELS: 'false', ...env }, engine, gateways },
    ),
  );
  const origin = cleanup.use(await startFlood());
  const post = (budget?: string, jobId = 'job-1') =>
    ask(served.port, '/v1/gateways', {
      body: {
        jobId,
        network: { Domains: [`allowed.test:${origin.port}`] },
        ...(budget !== undefined && { budget }),
      },
    });
  const download = async (id: string) => {
    const client = cleanup.use(await RawClient.connect(gateways.proxies.get(id)?.port ?? 0));
    client.send(`CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\ngo`);
    await client.untilEnd();
    return client;
  };
  return { ...served, post, download };
}

describe('a budget', () => {
  it("is asked for with the gateway; of it and the node's the smaller holds; what was taken is shown", async () => {
    const { port, post, download } = await serve({ JOBGATE_BUDGET: 'down=1MB,up=2MB' });
    const { status, body } = await post('down=5MB,up=1MB,host-up=3MB');
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...{ budget: 'up=1000000,down=1000000,host-up=3000000', spent: { up: 0, down: 0, hosts: [] } },
    });
    const client = await download(String(body.id));
    expect(client.bytes.length).toBeLessThanOrEqual(1_000_000);
    expect(client.bytes.length).toBeGreaterThan(900_000);
    const view = await ask(port, `/v1/gateways/${body.id}`);
    expect(view.body.spent).toMatchObject({ down: 1_000_000 });
    expect(denialOf((await download(String(body.id))).text)).toBe('budget-used-up');
    expect((await post('down=5MB,up=1MB,host-up=3MB')).status).toBe(200);
    expect((await post('down=6MB')).status).toBe(409);
    expect((await post('10GB', 'other')).body.problems).toMatchObject([{ path: 'budget' }]);
  });

  it('changes while the job runs, in both directions', async () => {
    const { port, post, download } = await serve();
    const { body } = await post('down=500kB');
    const id = String(body.id);
    expect((await download(id)).bytes.length).toBeLessThanOrEqual(500_000);
    const patch = (budget: string) =>
      ask(port, `/v1/gateways/${id}`, { method: 'PATCH', body: { budget }, headers: { 'if-match': '*' } });
    const more = await patch('down=1MB');
    expect([more.status, more.body.budget, more.body.kept]).toEqual([200, 'down=1000000', true]);
    expect(more.body.revision).not.toBe(body.revision);
    const again = await download(id);
    expect(again.bytes.length).toBeLessThanOrEqual(500_000);
    expect(again.bytes.length).toBeGreaterThan(400_000);
    expect((await patch('down=100kB')).body.budget).toBe('down=100000');
    expect(denialOf((await download(id)).text)).toBe('budget-used-up');
    expect((await patch('unlimited')).body.budget).toBe('unlimited');
  });

  it('that cannot be kept is refused before the job runs; without one, nothing needs to be', async () => {
    const { post } = await serve({}, { stateDirectory: '/proc/nowhere/state' });
    const refused = await post('down=1MB');
    expect([refused.status, refused.body.error]).toEqual([503, 'unavailable']);
    expect(refused.body.message).toMatch(/cannot be kept: .*--state-directory/);
    expect((await post()).status).toBe(201);
  });
});

const RATE = 20_000_000;
const SECOND = RATE / 8;
const LIMIT = 12_000_000;
const SCRIPT = fileURLToPath(new URL('../../support/budget-serve.ts', import.meta.url));

it('kill -9 of serve, again and again: each costs at most a second of the rate, and nothing is left uncounted', async () => {
  const origin = cleanup.use(await startFlood());
  const file = join(state, 'budgets', 'network-0123456789ab.json');
  const spent = () => JSON.parse(readFileSync(file, 'utf8')).spent.down as number;
  let received = 0;
  let isUsedUp = false;
  const start = async (): Promise<{ child: ChildProcess; port: number }> => {
    const args = [state, String(origin.port), String(RATE), `down=${LIMIT}`];
    const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanup.add(() => child.kill('SIGKILL'));
    const port = await new Promise<number>((resolve) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        if (line.startsWith('port ')) resolve(Number(line.slice(5)));
        if (line === 'decision budget-used-up') isUsedUp = true;
      });
    });
    return { child, port };
  };
  const download = (port: number) =>
    drain(port, origin, (bytes) => {
      received += bytes;
    });
  let kills = 0;
  for (; kills < 6; kills++) {
    const { child, port } = await start();
    const downloads = Promise.all([download(port), download(port)]);
    await sleep(200 + 70 * kills);
    child.kill('SIGKILL');
    await Promise.all([once(child, 'exit'), downloads]);
    expect(received).toBeLessThanOrEqual(spent());
    expect(spent() - received).toBeLessThanOrEqual((kills + 1) * SECOND);
  }
  expect(received).toBeGreaterThan(500_000);
  const { port } = await start();
  while (!isUsedUp) await download(port);
  expect(spent()).toBe(LIMIT);
  expect(received).toBeLessThanOrEqual(LIMIT);
  expect(received).toBeGreaterThanOrEqual(LIMIT - (kills + 1) * SECOND);
}, 120_000);
