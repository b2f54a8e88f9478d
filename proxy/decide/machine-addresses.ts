import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not Linux, or /proc is not mounted
  }
};

const LOOPBACK = /^127\.|^::1$|^(0000:){7}0001$/;

const ofInterfaces = () =>
  Object.values(networkInterfaces())
    .flat()
    .map((info) => info?.address ?? '');

const ofIpv4Table = (table: string) =>
  [...table.matchAll(/\|-- ([\d.]+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);

const ofIpv6Table = (table: string) =>
  [...table.matchAll(/^([0-9a-f]{32}) /gm)].map(([, hex = '']) => (hex.match(/.{4}/g) ?? []).join(':'));

const distinct = (addresses: readonly string[]) =>
  [...new Set(addresses)].filter((address) => address !== '' && !LOOPBACK.test(address));

/**
 * What the interfaces in this process's network namespace have, IPv4 and IPv6, as text; loopback is left out, which
 * every machine has. The kernel's own tables are asked as well, because `os.networkInterfaces()` leaves out interfaces
 * without carrier, which a bridge without containers is, and their addresses answer all the same.
 *
 * @throws what `os.networkInterfaces()` throws (EMFILE).
 */
export function machineAddresses(
  ipv4Table = read('/proc/net/fib_trie'),
  ipv6Table = read('/proc/net/if_inet6'),
): string[] {
  return distinct([...ofInterfaces(), ...ofIpv4Table(ipv4Table), ...ofIpv6Table(ipv6Table)]);
}

/** The IPv4 ones alone: of 400 bridges in a third of the time, where the kernel has the table. */
export function machineIpv4Addresses(table = read('/proc/net/fib_trie')): string[] {
  const found = ofIpv4Table(table);
  return distinct(found.length > 0 ? found : ofInterfaces().filter((address) => !address.includes(':')));
}
