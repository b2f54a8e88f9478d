import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isolatedOptions } from '../../../docker/engine/container.js';
import { silentLogger } from '../../../proxy/policy/logger.js';
import type { EngineLink } from '../../../src/service/engine-link.js';
import { EventHub, type ServiceEvent } from '../../../src/service/event-hub.js';
import type { Gateways } from '../../../src/service/gateways.js';
import { NetworkWatch } from '../../../src/service/network-watch.js';
import type { ServedGateway } from '../../../src/service/served-gateway.js';
import { type FakeEngineServer, fakeEngine, json } from '../../support/fake-engine.js';

const GATEWAYS = 200;
const COMPARE_MS = 30_000;

/** What the engine has: containers by the network that they are on. */
let connected: Map<string, string[]>;
let engine: FakeEngineServer;
let served: ServedGateway[];
let watch: NetworkWatch;
let events: ServiceEvent[];
let failed: string[];
let broken: 'report' | 'disconnect';

beforeEach(() => begin('report'));

async function begin(what: typeof broken): Promise<void> {
  broken = what;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  connected = new Map(Array.from({ length: GATEWAYS }, (_, i) => [`network-${i}`, []]));
  engine = await fakeEngine((request, response) => {
    const [, what, id = ''] = (request.url ?? '').split(/[/?]/);
    if (what === 'networks' && id === '')
      return json(
        response,
        [...connected.keys()].map((Id) => ({ Id })),
      );
    if (what === 'containers' && id === 'json') return json(response, [...containers()].map(listed));
    if (what === 'containers') return json(response, inspected(id));
    const on = connected.get(id);
    if (request.url?.endsWith('/disconnect')) {
      on?.splice(0);
      return json(response, {});
    }
    if (!on) return json(response, { message: 'no such network' }, 404);
    const Containers = Object.fromEntries(on.map((one) => [one, { IPv4Address: '10.213.0.2/29' }]));
    return json(response, { Id: id, Containers });
  });
  served = [...connected.keys()].map((id, i) => gateway(`gateway-${i}`, id));
  events = [];
  failed = [];
  const hub = new EventHub();
  hub.subscribe((event) => events.push(event));
  watch = new NetworkWatch({
    link: { engine: engine.engine } as EngineLink,
    gateways: {
      list: () => served,
      fail: ({ id }: ServedGateway) => {
        failed.push(id);
        served = served.filter((one) => one.id !== id);
      },
    } as unknown as Gateways,
    hub,
    logger: silentLogger,
    broken,
    sockets: [],
  });
}

afterEach(async () => {
  watch.close();
  vi.useRealTimers();
  await engine[Symbol.asyncDispose]();
});

function gateway(id: string, network: string): ServedGateway {
  const containers = new Map<string, { readonly id: string }>();
  return {
    id,
    ids: { job: id },
    gateway: { network: { id: network, name: network }, proxy: { host: '10.213.0.1' } },
    containers,
    setContainers: (found: readonly { readonly id: string }[]) => {
      containers.clear();
      for (const one of found) containers.set(one.id, one);
    },
  } as unknown as ServedGateway;
}

const containers = () => new Set([...connected.values()].flat());
const networksOf = (id: string) => [...connected].filter(([, on]) => on.includes(id)).map(([name]) => name);
const listed = (id: string) => ({
  Id: id,
  NetworkSettings: {
    Networks: Object.fromEntries(
      networksOf(id).map((name) => [name, { NetworkID: name, IPAddress: '10.213.0.2' }]),
    ),
  },
});
const inspected = (id: string) => ({
  Id: id,
  Name: `/${id}`,
  HostConfig: { ...isolatedOptions('any').HostConfig, NetworkMode: networksOf(id)[0] },
  Config: {},
  Mounts: [],
  NetworkSettings: {
    Networks: Object.fromEntries(networksOf(id).map((name) => [name, { IPAddress: '10.213.0.2' }])),
  },
});

/** The next comparison; what it asked for, when that is over. */
async function compared(): Promise<string[]> {
  const before = engine.asked.length;
  vi.advanceTimersByTime(COMPARE_MS);
  let seen = -1;
  await expect
    .poll(
      () => {
        const still = seen === engine.asked.length && seen > before;
        seen = engine.asked.length;
        return still;
      },
      { interval: 100 },
    )
    .toBe(true);
  return engine.asked.slice(before);
}

const changes = () =>
  events.flatMap((event) => (event.type === 'gateway' ? [`${event.gateway} ${event.change}`] : []));

it('asks the engine two questions, and for a few networks in turn, however many there are', async () => {
  const asked = [];
  for (let i = 0; i < GATEWAYS / 20; i++) asked.push(await compared());
  for (const one of asked) expect(one).toHaveLength(2 + 20);
  // Each was looked at once.
  const networks = asked.flat().filter((one) => one.startsWith('GET /networks/'));
  expect(new Set(networks).size).toBe(GATEWAYS);
});

it('finds what no event told of, at once: who came, who went on to another network, who left, what was removed', async () => {
  for (let i = 0; i < GATEWAYS / 20; i++) await compared();
  connected.set('network-150', ['job']);
  await compared();
  expect(changes()).toEqual(['gateway-150 connected']);
  connected.get('network-160')?.push('job');
  await compared();
  expect(changes()).toContain('gateway-150 contract-broken');
  connected.set('network-150', []);
  connected.set('network-160', []);
  await compared();
  expect(changes()).toContain('gateway-150 disconnected');
  connected.delete('network-170');
  await compared();
  expect(failed).toEqual(['gateway-170']);
});

it('finds that a container has left which an event alone had told of', async () => {
  for (let i = 0; i < GATEWAYS / 20; i++) await compared();
  connected.set('network-150', ['job']);
  watch.onEvent({ network: 'network-150', container: 'job' });
  await expect.poll(changes).toEqual(['gateway-150 connected']);
  connected.set('network-150', []);
  await compared();
  expect(changes()).toContain('gateway-150 disconnected');
});

it('cuts off again who comes back unseen, however often', async () => {
  watch.close();
  await engine[Symbol.asyncDispose]();
  await begin('disconnect');
  for (let i = 0; i < GATEWAYS / 20; i++) await compared();
  for (let i = 0; i < 3; i++) {
    connected.set('network-150', ['job']);
    connected.set('network-160', ['job']);
    const asked = await compared();
    expect(asked).toContain('POST /networks/network-150/disconnect');
    expect(connected.get('network-150')).toEqual([]);
  }
});
