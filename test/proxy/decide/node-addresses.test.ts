import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { machineAddresses, machineIpv4Addresses } from '../../../proxy/decide/machine-addresses.js';
import { CachedMachineAddresses, NodeAddresses } from '../../../proxy/decide/node-addresses.js';
import { type Ip, parseIp } from '../../../proxy/policy/ip.js';
import { parsePolicy } from '../../../proxy/policy/parse-policy.js';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';

function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

/** Interfaces that a test changes, a clock that it moves, and a count of the readings. */
function machine(addresses: string[]) {
  const state = { addresses, now: 0, reads: 0, broken: false };
  const cached = new CachedMachineAddresses({
    now: () => state.now,
    read: () => {
      state.reads++;
      if (state.broken) throw new Error('EMFILE');
      return state.addresses;
    },
  });
  return { state, cached, node: new NodeAddresses({ machine: cached }) };
}

describe('threats: any address of this node', () => {
  it('knows the addresses of the real interfaces', () => {
    const node = new NodeAddresses();
    const infos = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal }) => !internal);
    for (const { address } of infos) expect(node.has(ip(address)), address).toBe(true);
    expect(node.has(ip('203.0.113.77'))).toBe(false);
  });

  it('those of interfaces without carrier, a bridge without containers, included', () => {
    const trie = [
      '           |-- 10.9.8.1',
      '              /32 host LOCAL',
      '           |-- 10.9.8.0',
      '              /29 link UNICAST',
      '           |-- 127.0.0.1',
      '              /32 host LOCAL',
    ];
    const all = machineAddresses(trie.join('\n'), '20010db8000000000000000000000007 05 40 20 80  docker0\n');
    expect(all).toContain('10.9.8.1');
    expect(all).not.toContain('10.9.8.0');
    expect(all).not.toContain('127.0.0.1'); // the address rule refuses loopback without a list
    expect(all.map((text) => parseIp(text)).filter(Boolean)).toContainEqual(ip('2001:db8::7'));
  });

  it('the IPv4 ones alone, of the kernel, or of the interfaces where it has no table', () => {
    const trie = '           |-- 203.0.113.5\n              /32 host LOCAL\n';
    expect(machineIpv4Addresses(trie)).toEqual(['203.0.113.5']);
    const real = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const ipv4 = real.filter(({ internal, family }) => !internal && family === 'IPv4');
    expect(machineIpv4Addresses('').sort()).toEqual([...new Set(ipv4.map(({ address }) => address))].sort());
  });

  it('in all spellings of an address', () => {
    const { node } = machine(['203.0.113.1', '2001:DB8:0:0::1', 'fe80::1%eth0', '::ffff:203.0.113.2']);
    for (const text of ['203.0.113.1', '::ffff:203.0.113.1', '2001:db8::1', 'fe80::1', '203.0.113.2']) {
      expect(node.has(ip(text)), text).toBe(true);
    }
    expect(node.has(ip('203.0.113.3'))).toBe(false);
  });

  it('and those that the operator lists', () => {
    const { cached } = machine(['203.0.113.1']);
    const node = new NodeAddresses({ listed: ['203.0.113.9', '2001:db8::9'], machine: cached });
    expect(node.has(ip('203.0.113.1'))).toBe(true);
    expect(node.has(ip('203.0.113.9'))).toBe(true);
    expect(node.has(ip('2001:db8::9'))).toBe(true);
    expect(node.isListed(ip('203.0.113.9'))).toBe(true);
    expect(node.isListed(ip('203.0.113.1'))).toBe(false);
  });

  it.each(['', 'node.example', '10.0.0.0/8', '127.1', 'fe80::1%eth0'])(
    'a listed address must be one: %j',
    (text) => {
      const operator = { ...DEFAULT_OPERATOR_POLICY, nodeAddresses: [text] };
      const policy = { job: { job: 'job-1', allow: [], rate: null }, operator };
      expect(() => parsePolicy(policy)).toThrow('not an IP address');
    },
  );
});

describe('the list of machine addresses is cached', () => {
  it('for some seconds, then read again when asked', () => {
    const { state, node } = machine(['203.0.113.1']);
    expect(state.reads).toBe(0);
    for (let i = 0; i < 100; i++) node.has(ip('203.0.113.1'));
    expect(state.reads).toBe(1);
    state.addresses = ['203.0.113.2'];
    state.now = 2999;
    expect(node.has(ip('203.0.113.2'))).toBe(false);
    state.now = 3000;
    expect(node.has(ip('203.0.113.2'))).toBe(true);
    expect(node.has(ip('203.0.113.1'))).toBe(false);
    expect(state.reads).toBe(2);
  });

  it('threats: EMFILE: the last list stays, and it is read again as soon as that works', () => {
    const { state, node } = machine(['203.0.113.1']);
    node.has(ip('203.0.113.1'));
    state.broken = true;
    state.now = 5000;
    expect(node.has(ip('203.0.113.1'))).toBe(true);
    expect(node.has(ip('203.0.113.2'))).toBe(false);
    state.broken = false;
    state.addresses = ['203.0.113.2'];
    expect(node.has(ip('203.0.113.2'))).toBe(true);
  });

  it("threats: EMFILE: before the first list every address counts as the node's", () => {
    const { state, node } = machine(['203.0.113.1']);
    state.broken = true;
    expect(node.has(ip('203.0.113.2'))).toBe(true);
    state.broken = false;
    expect(node.has(ip('203.0.113.2'))).toBe(false);
  });
});
