import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { Ledger } from '../../../proxy/budget/ledger.js';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';
import { Workers } from '../../../proxy/worker/workers.js';
import { Cleanup } from '../../support/cleanup.js';
import { drain, startFlood } from '../../support/flood.js';
import { pidListeningOn } from '../../support/listener.js';
import { LOOPBACK } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

const RATE = 20_000_000;
const SECOND = RATE / 8;

const operator = {
  ...DEFAULT_OPERATOR_POLICY,
  allowAddresses: LOOPBACK,
  addHosts: [['allowed.test', '127.0.0.1']] as const,
  dns: '127.0.0.1:1',
  checkTunnels: false,
};

it('kill -9 of workers, again and again: each costs at most a second of the rate, and nothing is left uncounted', async () => {
  const origin = cleanup.use(await startFlood());
  const workers = new Workers();
  const ledger = new Ledger();
  const budget = { down: 12_000_000 };
  const policy = {
    job: { job: 'j', allow: [`allowed.test:${origin.port}`], rate: RATE, budget },
    operator,
  };
  let received = 0;
  let kills = 0;
  const denials: string[] = [];
  const download = (port: number) =>
    drain(port, origin, (bytes) => {
      received += bytes;
    });
  // A proxy outlives two deaths of its worker.
  for (let round = 0; round < 4 && !denials.includes('budget-used-up'); round++) {
    const proxy = workers.createProxy(policy, {
      ledger,
      onEvent: (event) => event.type === 'decision' && denials.push(event.reason),
    });
    const { port } = await proxy.listen({ host: '127.0.0.1', port: 0, clients: LOOPBACK });
    let stopped = false;
    const downloads = (async () => {
      while (!stopped && !denials.includes('budget-used-up')) {
        await download(port);
        await sleep(20);
      }
    })();
    for (let kill = 0; kill < 2; kill++) {
      await sleep(300 + 250 * kill + 50 * round);
      const pid = pidListeningOn(port);
      if (!pid) continue;
      process.kill(pid, 'SIGKILL');
      kills++;
      // What passed was granted before, whenever it ends.
      await expect.poll(() => pidListeningOn(port), { timeout: 20_000 }).not.toBe(pid);
      await expect.poll(() => pidListeningOn(port), { timeout: 20_000 }).toBeGreaterThan(0);
      expect(received).toBeLessThanOrEqual(ledger.spent.down);
    }
    stopped = round < 3;
    await Promise.race([downloads, sleep(stopped ? 200 : 20_000)]);
    stopped = true;
    await proxy.close();
    await downloads;
    // Closing a proxy ends its grant as a death does.
    kills++;
    expect(received).toBeLessThanOrEqual(ledger.spent.down);
    expect(ledger.spent.down - received).toBeLessThanOrEqual(kills * SECOND);
  }
  expect(kills).toBeGreaterThanOrEqual(6);
  expect(denials).toContain('budget-used-up');
  expect(ledger.spent.down).toBe(budget.down);
  expect(received).toBeGreaterThan(1_000_000);
}, 60_000);

it('without deaths, what a job gets in a worker is its budget, to the byte', async () => {
  const origin = cleanup.use(await startFlood());
  const ledger = new Ledger();
  const policy = {
    job: {
      ...{ job: 'j', allow: [`allowed.test:${origin.port}`], rate: null },
      budget: { down: 3_000_000, up: 200_000 },
    },
    operator,
  };
  const proxy = cleanup.use(new Workers().createProxy(policy, { ledger }));
  const { port } = await proxy.listen({ host: '127.0.0.1', port: 0, clients: LOOPBACK });
  const client = cleanup.use(await RawClient.connect(port));
  client.send(`CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\ngo`);
  await client.untilEnd();
  expect(client.bytes.length).toBeLessThanOrEqual(3_000_000);
  expect(client.bytes.length).toBeGreaterThan(2_900_000);
  expect(ledger.spent.down).toBe(3_000_000);
  await expect.poll(() => proxy.figures().down).toBeGreaterThanOrEqual(client.bytes.length);
  const answer = await RawClient.exchange(port, `CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\n`);
  expect(answer).toContain('X-Jobgate-Deny: budget-used-up');
});
