import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { machineAddresses, machineIpv4Addresses } from '../../../proxy/decide/machine-addresses.js';

/** As /proc/net/fib_trie has an address of the machine, one of loopback, and a network. */
const IPV4 = `Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.1.2.0
        /24 link UNICAST
     |-- 10.1.2.3
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
`;
/** As /proc/net/if_inet6. */
const IPV6 = `00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000abcdef0123456789 02 40 20 80     eth0
`;

test("the kernel's tables are read for addresses of this machine, and loopback is left out", () => {
  const all = machineAddresses(IPV4, IPV6);
  expect(all).toEqual(expect.arrayContaining(['10.1.2.3', 'fe80:0000:0000:0000:abcd:ef01:2345:6789']));
  for (const other of ['10.1.2.0', '127.0.0.1', '::1', '0000:0000:0000:0000:0000:0000:0000:0001', ''])
    expect(all).not.toContain(other);
  expect(machineIpv4Addresses(IPV4)).toEqual(['10.1.2.3']);
});

test('where the kernel has no table, they are those that Node knows', () => {
  const known = Object.values(networkInterfaces()).flatMap((all = []) =>
    all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );
  expect(machineIpv4Addresses('')).toEqual([...new Set(known)]);
  expect(machineAddresses('', '')).toEqual(expect.arrayContaining(known));
});
