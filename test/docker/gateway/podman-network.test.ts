import { json as read } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { NetworkRecord } from '../../../docker/gateway/labels.js';
import { createIsolatedNetwork } from '../../../docker/gateway/network.js';
import { SubnetPool } from '../../../docker/gateway/subnet-pool.js';
import { type FakeEngineServer, fakeEngine, json, PODMAN } from '../../support/fake-engine.js';

const RECORD: NetworkRecord = {
  owner: { id: '0123456789abcdef0123', boot: '8cb765e8-e95f-4ed5-9ad7-0f7a0a1b2c3d', netns: '4026531833' },
  kind: 'run',
  job: 'job-1',
  allow: ['example.com'],
  rate: null,
  port: 13128,
  created: new Date(),
};

interface Asked {
  readonly subnets: readonly { readonly subnet: string }[];
}

/** Podman, whose answers to what is asked for are given, one after the other. */
async function podman(answers: ((asked: Asked) => object)[]): Promise<[FakeEngineServer, Asked[]]> {
  const created: Asked[] = [];
  const fake = await fakeEngine(async (request, response) => {
    if (request.method === 'GET') return json(response, []);
    if (request.method === 'DELETE') return response.writeHead(204).end();
    const asked = (await read(request)) as Asked;
    created.push(asked);
    const answer = answers.shift()?.(asked) ?? {};
    json(response, answer, 'message' in answer ? 500 : 200);
  }, PODMAN);
  return [fake, created];
}

const asAsked = (asked: Asked) => ({ id: 'n1', ...asked });
const create = ({ engine }: FakeEngineServer, pool = '198.18.0.0/29') =>
  createIsolatedNetwork(engine.docker, new SubnetPool({ pool }), RECORD, { wall: 'no gateway' });

describe("an isolated network of Podman's", () => {
  it('has no gateway, no name server and no IPv6, and keeps the address of its proxy from others', async () => {
    const [fake, created] = await podman([asAsked]);
    await using _closed = fake;
    const network = await create(fake);
    expect(network).toMatchObject({ id: 'n1', cidr: '198.18.0.0/29', gateway: '198.18.0.1' });
    expect(network.bridge).toMatch(/^jgc[0-9a-f]{12}$/);
    expect(created).toEqual([
      {
        name: network.name,
        driver: 'bridge',
        network_interface: network.bridge,
        internal: true,
        dns_enabled: false,
        ipv6_enabled: false,
        subnets: [
          {
            subnet: '198.18.0.0/29',
            lease_range: { start_ip: '198.18.0.4', end_ip: '198.18.0.6' },
          },
        ],
        labels: expect.objectContaining({ 'io.jobgate.job': 'job-1' }),
      },
    ]);
  });

  it.each([
    ['a gateway', { subnets: [{ subnet: '198.18.0.0/29', gateway: '198.18.0.1' }] }],
    ['a name server', { dns_enabled: true }],
    ['a way out', { internal: false }],
    ['IPv6', { ipv6_enabled: true }],
    ['another subnet', { subnets: [{ subnet: '198.18.0.8/29' }] }],
    ['no subnet', { subnets: [] }],
  ])('is removed again where it has %s that was not asked for', async (_what, change) => {
    const [fake] = await podman([(asked) => ({ ...asAsked(asked), ...change })]);
    await using _closed = fake;
    await expect(create(fake)).rejects.toThrow(
      /Podman made network jobgate-[0-9a-f]{12} with an address of the host/,
    );
    expect(fake.asked.at(-1)).toBe('DELETE /networks/n1');
  });

  it('is in the next subnet where Podman says that one is taken', async () => {
    const taken = ({ subnets: [first] }: Asked) => ({
      message: `subnet ${first?.subnet} is already used on the host or by another config`,
    });
    const [fake, created] = await podman([taken, asAsked]);
    await using _closed = fake;
    const network = await create(fake, '198.18.0.0/28');
    expect(created).toHaveLength(2);
    expect(network.cidr).toBe(created[1]?.subnets[0]?.subnet);
  });
});
