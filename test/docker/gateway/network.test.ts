import type Dockerode from 'dockerode';
import { describe, expect, it } from 'vitest';
import { EngineError, PlacementError } from '../../../docker/engine/errors.js';
import type { NetworkRecord } from '../../../docker/gateway/labels.js';
import { assertLocal, createIsolatedNetwork, removeNetwork } from '../../../docker/gateway/network.js';
import { SubnetPool } from '../../../docker/gateway/subnet-pool.js';

const RECORD: NetworkRecord = {
  owner: { id: '0123456789abcdef0123', boot: '8cb765e8-e95f-4ed5-9ad7-0f7a0a1b2c3d', netns: '4026531833' },
  kind: 'run',
  job: 'job-1',
  allow: ['example.com'],
  rate: null,
  port: 13128,
  created: new Date(),
};

const failure = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) ${message}`), { statusCode, json: { message } });

/** An engine whose answers to network creation are given, one after the other. */
function engine(answers: (Error | undefined)[], subnets: string[] = []) {
  const created: Dockerode.NetworkCreateOptions[] = [];
  const docker = {
    listNetworks: async () => subnets.map((Subnet) => ({ IPAM: { Config: [{ Subnet }] } })),
    createNetwork: async (options: Dockerode.NetworkCreateOptions) => {
      created.push(options);
      const taken = subnets.includes(options.IPAM?.Config?.[0]?.Subnet ?? '');
      const answer = taken ? OVERLAP : answers.shift();
      if (answer) throw answer;
      return { id: 'n1' };
    },
  };
  return { docker: docker as unknown as Dockerode, created };
}

const OVERLAP = failure(403, 'Pool overlaps with other one on this address space');

describe('an isolated network', () => {
  it('is made with every option written out', async () => {
    const { docker, created } = engine([]);
    const network = await createIsolatedNetwork(docker, new SubnetPool({ pool: '198.18.0.0/29' }), RECORD);
    expect(network).toMatchObject({ id: 'n1', cidr: '198.18.0.0/29', gateway: '198.18.0.1' });
    expect(created[0]).toMatchObject({
      Name: network.name,
      Driver: 'bridge',
      Internal: true,
      Attachable: false,
      EnableIPv6: false,
      IPAM: { Config: [{ Subnet: '198.18.0.0/29', Gateway: '198.18.0.1' }] },
      Options: { 'com.docker.network.bridge.name': network.bridge },
    });
    expect(network.bridge).toMatch(/^jg-[0-9a-f]{12}$/);
  });

  it('takes the subnet that a client was told, and another where that is taken by now', async () => {
    const wish = {
      gate: '0123456789ab',
      name: 'a-client-s',
      labels: { a: 'b' },
      subnet: { cidr: '198.18.0.8/29', gateway: '198.18.0.9' },
    };
    const pool = new SubnetPool({ pool: '198.18.0.0/28' });
    const first = engine([]);
    expect(await createIsolatedNetwork(first.docker, pool, RECORD, { wish })).toMatchObject(wish.subnet);
    expect(first.created[0]).toMatchObject({ Name: 'a-client-s', Labels: { a: 'b' } });
    const second = engine([], ['198.18.0.8/29']);
    const other = await createIsolatedNetwork(second.docker, pool, RECORD, { wish });
    expect(other.cidr).toBe('198.18.0.0/29');
  });

  it('keeps the address of a gateway that is a container from all others', async () => {
    const { docker, created } = engine([]);
    await createIsolatedNetwork(docker, new SubnetPool({ pool: '198.18.0.0/29' }), RECORD, {
      wall: 'inhibit_ipv4',
    });
    expect(created[0]?.IPAM?.Config).toEqual([
      { Subnet: '198.18.0.0/29', Gateway: '198.18.0.1', IPRange: '198.18.0.4/30' },
    ]);
  });

  it('takes the next subnet when the engine knows of an overlap', async () => {
    const { docker, created } = engine([OVERLAP, OVERLAP]);
    const network = await createIsolatedNetwork(docker, new SubnetPool({ pool: '198.18.0.0/24' }), RECORD);
    const subnets = created.map(({ IPAM }) => IPAM?.Config?.[0]?.Subnet);
    expect(new Set(subnets).size).toBe(3);
    expect(network.cidr).toBe(subnets[2]);
  });

  it('skips the subnets of the networks that there are, which are asked for after a first one that is taken', async () => {
    const subnets = Array.from({ length: 31 }, (_, i) => `198.18.0.${i * 8}/29`);
    const { docker, created } = engine([], subnets);
    const network = await createIsolatedNetwork(docker, new SubnetPool({ pool: '198.18.0.0/24' }), RECORD);
    expect(network.cidr).toBe('198.18.0.248/29');
    expect(created.length).toBeLessThanOrEqual(2);
  });

  it('is not made when the pool is used up, or the engine says no', async () => {
    const pool = new SubnetPool({ pool: '198.18.0.0/29' });
    await expect(createIsolatedNetwork(engine([OVERLAP]).docker, pool, RECORD)).rejects.toThrow(
      /subnet pool 198\.18\.0\.0\/29 has no free/,
    );
    const broken = engine([failure(500, 'plugin not found')]).docker;
    await expect(createIsolatedNetwork(broken, pool, RECORD)).rejects.toThrow(EngineError);
  });

  it('whose bridge is not here belongs to an engine elsewhere', async () => {
    const network = {
      id: 'n',
      name: 'jobgate-x',
      bridge: 'jg-nowhere',
      cidr: '198.18.0.0/29',
      gateway: '198.18.0.1',
    };
    await expect(assertLocal(network)).rejects.toThrow(PlacementError);
  });
});

describe('removing a network', () => {
  it('tries again while a container comes or goes, and does not mind when it is gone', async () => {
    const answers = [failure(403, 'has active endpoints'), failure(404, 'not found')];
    let tries = 0;
    const docker = {
      getNetwork: () => ({
        inspect: async () => ({ Containers: {} }),
        remove: async () => {
          throw answers[tries++];
        },
      }),
    } as unknown as Dockerode;
    await removeNetwork(docker, { id: 'n', name: 'jobgate-x' });
    expect(tries).toBe(2);
  });
});
