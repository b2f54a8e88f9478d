import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openOwner } from '../../../docker/gateway/owner.js';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';
import { loadConfig } from '../../../src/config/load.js';
import { EngineGate } from '../../../src/gate/gate.js';
import { ServedGateway } from '../../../src/service/served-gateway.js';
import { Cleanup } from '../../support/cleanup.js';
import { fakeEngine, json } from '../../support/fake-engine.js';
import { FakeGateways } from '../../support/service.js';

const GATE = 'gate-1';
const LOOKS_MS = 7_500;

let cleanup: Cleanup;
beforeEach(() => {
  cleanup = new Cleanup();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await cleanup[Symbol.asyncDispose]();
});

/** A gate whose gateways have these names; each is open, and those of `used` have a container. */
async function gate(names: readonly string[], { reopened = true, used = [] as string[] } = {}) {
  const networks = new Map<string, string>();
  const closed: string[] = [];
  const engine = cleanup.use(
    await fakeEngine(({ url = '' }, response) => {
      const [, id = ''] = /\/containers\/(.+)\/json/.exec(url) ?? [];
      if (id === '')
        json(
          response,
          used.map((Id) => ({ Id })),
        );
      else
        json(response, {
          Name: `/${id}`,
          HostConfig: { ContainerIDFile: `jobgate-gate-${GATE}`, NetworkMode: networks.get(id) },
        });
    }),
  );
  const owner = cleanup.use(await openOwner('serve'));
  const opened = await Promise.all(
    names.map(async (job) => {
      const policy = { job, allow: [], rate: null };
      const gateway = cleanup.use(
        await new FakeGateways().open({
          engine: engine.engine,
          owner,
          policy: { job: policy, operator: DEFAULT_OPERATOR_POLICY },
        }),
      );
      const name = job.startsWith('named') ? job : gateway.network.name;
      Object.assign(gateway, { network: { ...gateway.network, name } });
      networks.set(job, name);
      const wish = { gate: GATE, shared: job === 'named-shared' };
      return new ServedGateway(gateway, policy, { created: new Date(), reopened, wish });
    }),
  );
  let ready = () => {};
  const service = {
    engine: engine.engine,
    gateways: {
      list: () => opened.filter(({ policy }) => !closed.includes(policy.job)),
      close: async (id: string) =>
        void closed.push(...opened.filter((one) => one.id === id).map(({ policy }) => policy.job)),
    },
    onReady: (called: () => void) => {
      ready = called;
    },
    onContainerGone: () => {},
  };
  const config = await loadConfig({ env: {} });
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  cleanup.use(new EngineGate({ id: GATE, service: service as never, config, logger }));
  ready();
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += LOOKS_MS) {
      const before = engine.asked.length;
      vi.advanceTimersByTime(LOOKS_MS);
      await vi.waitFor(() => expect(engine.asked.length).toBeGreaterThan(before), { interval: 5 });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return closed;
  };
  return { pass };
}

it('a gateway that a dead serve opened for one container, which never came, is closed soon', async () => {
  const names = ['gone', 'runs', 'named-node', 'named-shared'];
  const { pass } = await gate(names, { used: ['runs'] });
  expect(await pass(30_000)).toEqual(['gone']);
  // What a node has opened may wait for its container.
  expect(await pass(8 * 60_000)).toEqual(['gone']);
  expect(await pass(2 * 60_000)).toEqual(['gone', 'named-node']);
});

it('one of this serve waits for its container', async () => {
  const { pass } = await gate(['coming', 'runs'], { reopened: false, used: ['runs'] });
  expect(await pass(9 * 60_000)).toEqual([]);
  expect(await pass(2 * 60_000)).toEqual(['coming']);
});
