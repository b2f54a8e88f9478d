import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not Linux, or /proc is not mounted
  }
};

/** Every IPv4 address of this machine by the kernel's own table; none where there is no such table. */
export function localIpv4Addresses(table = read('/proc/net/fib_trie')): string[] {
  return [...table.matchAll(/\|-- ([\d.]+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);
}

/**
 * Every address of this machine, IPv4 and IPv6, as text. The kernel's own tables are asked as well, because
 * `os.networkInterfaces()` leaves out interfaces without carrier, which a bridge without containers is, and their
 * addresses answer all the same.
 *
 * @throws what `os.networkInterfaces()` throws (EMFILE).
 */
export function machineAddresses(ipv4Table?: string, ipv6Table = read('/proc/net/if_inet6')): string[] {
  const found = new Set<string>();
  for (const info of Object.values(networkInterfaces()).flat()) if (info) found.add(info.address);
  for (const address of localIpv4Addresses(ipv4Table)) found.add(address);
  for (const [, hex = ''] of ipv6Table.matchAll(/^([0-9a-f]{32}) /gm)) {
    found.add((hex.match(/.{4}/g) ?? []).join(':'));
  }
  return [...found];
}
