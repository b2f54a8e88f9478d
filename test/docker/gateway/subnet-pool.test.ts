import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientRanges, contains, SubnetPool, upperHalf } from '../../../docker/gateway/subnet-pool.js';
import { interfaceNames, rangesInUse, routes } from '../../../docker/host/host-net.js';

const all = (pool: SubnetPool, taken: string[] = []) => [...pool.free(taken)].map(({ cidr }) => cidr);

describe('a subnet pool', () => {
  it('has 8192 subnets of six addresses unless told otherwise', () => {
    const pool = new SubnetPool();
    const subnets = all(pool);
    expect(pool.size).toBe(8192);
    expect(new Set(subnets).size).toBe(8192);
    expect(subnets.every((cidr) => /^10\.213\.\d+\.\d+\/29$/.test(cidr))).toBe(true);
  });

  it('gives each subnet once, whatever the random numbers are', () => {
    const pool = new SubnetPool({ pool: '192.168.64.0/20', prefix: 26 });
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        const numbers = [a, b];
        const given = [...pool.free([], (below) => (numbers.shift() ?? 0) % below)];
        expect(new Set(given.map(({ cidr }) => cidr)).size).toBe(64);
      }),
    );
  });

  it('begins somewhere else each time', () => {
    const firsts = new Set(Array.from({ length: 20 }, () => new SubnetPool().free([]).next().value?.cidr));
    expect(firsts.size).toBeGreaterThan(10);
  });

  it('gives the first address to the gateway', () => {
    const pool = new SubnetPool({ pool: '10.9.8.0/29' });
    expect([...pool.free([])]).toEqual([{ cidr: '10.9.8.0/29', gateway: '10.9.8.1' }]);
  });

  it('skips what overlaps addresses, narrower and wider ranges, and nothing for a default route', () => {
    const pool = new SubnetPool({ pool: '10.9.8.0/27' });
    expect(all(pool, ['0.0.0.0/0', 'fe80::/64', '', '10.10.0.0/16'])).toHaveLength(4);
    expect(all(pool, ['10.9.8.9']).sort()).toEqual(['10.9.8.0/29', '10.9.8.16/29', '10.9.8.24/29']);
    expect(all(pool, ['10.9.8.16/30', '10.9.8.31/32']).sort()).toEqual(['10.9.8.0/29', '10.9.8.8/29']);
    expect(all(pool, ['10.9.8.0/28']).sort()).toEqual(['10.9.8.16/29', '10.9.8.24/29']);
    expect(all(pool, ['10.0.0.0/8'])).toEqual([]);
    expect(all(pool, ['10.9.8.5/28']).sort()).toEqual(['10.9.8.16/29', '10.9.8.24/29']);
    expect(pool.exhausted().message).toMatch(/10\.9\.8\.0\/27.*--subnet-pool/);
  });

  it.each([
    ['10.9.8.0', undefined, 'not an IPv4 range'],
    ['010.213.0.0/16', undefined, /^[^\n]*"010\.213\.0\.0\/16" is not an IPv4 range: [^\n]*$/],
    ['10.9.8.4/24', undefined, 'write 10.9.8.0/24'],
    ['10.9.8.0/33', undefined, 'not an IPv4 range'],
    ['10.256.8.0/24', undefined, 'not an IPv4 range'],
    ['fd00::/64', undefined, 'not an IPv4 range'],
    ['0.0.0.0/0', undefined, 'not an IPv4 range'],
    ['10.9.8.0/30', undefined, 'cannot be cut'],
    ['10.9.8.0/24', 30, 'cannot be cut'],
    ['10.9.8.0/24', 23, 'cannot be cut'],
  ])('refuses %s with prefix %s', (pool, prefix, problem) => {
    expect(() => new SubnetPool({ pool, ...(prefix && { prefix }) })).toThrow(problem);
  });
});

describe('the clients of a gateway', () => {
  it('are all of the subnet but the gateway', () => {
    for (const [cidr, gateway] of [
      ['10.9.8.8/29', '10.9.8.9'],
      ['10.9.8.0/24', '10.9.8.200'],
      ['10.9.0.0/16', '10.9.255.254'],
    ] as const) {
      const ranges = clientRanges({ cidr, gateway });
      const size = ranges.reduce((sum, range) => sum + 2 ** (32 - Number(range.split('/')[1])), 0);
      expect(size).toBe(2 ** (32 - Number(cidr.split('/')[1])) - 1);
      expect(ranges.some((range) => contains(range, gateway))).toBe(false);
      expect(ranges.every((range) => contains(cidr, range))).toBe(true);
    }
  });
});

it.each([
  ['10.9.8.8/29', '10.9.8.12/30'],
  ['10.9.8.0/24', '10.9.8.128/25'],
  ['10.9.0.0/16', '10.9.128.0/17'],
])('the upper half of %s is %s', (cidr, half) => {
  expect(upperHalf(cidr)).toBe(half);
});

describe('what the host has', () => {
  it('reads routes as CIDRs', () => {
    const table = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
jg-0123\tF8FFD50A\t00000000\t0001\t0\t0\t0\tF8FFFFFF\t0\t0\t0
`;
    expect(routes(table)).toEqual([
      { iface: 'eth0', cidr: '0.0.0.0/0' },
      { iface: 'jg-0123', cidr: '10.213.255.248/29' },
    ]);
  });

  it('reads the names of interfaces', () => {
    expect(interfaceNames()).toContain('lo');
  });

  it('leaves nothing of loopback free', () => {
    expect([...new SubnetPool({ pool: '127.0.0.0/29' }).free(rangesInUse())]).toEqual([]);
  });
});
