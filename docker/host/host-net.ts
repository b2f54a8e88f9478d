import { existsSync, readFileSync } from 'node:fs';
import { machineIpv4Addresses } from '../../proxy/decide/machine-addresses.js';

/** Interface names begin so for every isolated network of the host placement; the lock-down's rules match `jg-+`. */
export const BRIDGE_PREFIX = 'jg-';
/** Of those that several containers share: the lock-down lets these reach each other. Random parts are hex digits. */
export const SHARED_BRIDGE_PREFIX = 'jg-s';
/** The same for the container placement, whose traffic between two containers those rules would refuse. */
export const CONTAINER_BRIDGE_PREFIX = 'jgc';

/** An IPv4 route of this machine. */
interface Route {
  readonly iface: string;
  /** `10.0.0.0/8`. */
  readonly cidr: string;
}

// /proc/net belongs to the network namespace of this process; /sys/class/net to that of whoever mounted /sys.
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Names of the network interfaces in this process's network namespace, those that are down included. */
export function interfaceNames(table = read('/proc/net/dev')): string[] {
  return table
    .split('\n')
    .map((line) => /^\s*([^\s:]+):/.exec(line)?.[1])
    .filter((name) => name !== undefined);
}

/** Whether an interface of that name is in this process's network namespace: the same, without a list of all. */
export function hasInterface(name: string): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${name}`);
}

/** Bridges of isolated networks that exist here. */
export function jobBridges(): string[] {
  return interfaceNames().filter((name) => name.startsWith(BRIDGE_PREFIX));
}

/** The IPv4 routes of the main table. */
export function routes(table = read('/proc/net/route')): Route[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields.length >= 8)
    .map((fields) => ({
      iface: fields[0] ?? '',
      cidr: `${littleEndian(fields[1] ?? '')}/${prefixLength(fields[7] ?? '')}`,
    }));
}

const LOOPBACK = '127.0.0.0/8';

/** IPv4 addresses and routes of this machine: what no subnet may overlap. */
export function rangesInUse(): string[] {
  const began = performance.now();
  const ranges = [LOOPBACK, ...machineIpv4Addresses(), ...routes().map(({ cidr }) => cidr)];
  const now = performance.now();
  recent = { ranges, until: now + Math.min(RECENT_MS, RECENT_TIMES * (now - began)) };
  return ranges;
}

/** So old, ms, and so many times what reading took, is the oldest that `recentRangesInUse` gives. */
const [RECENT_MS, RECENT_TIMES] = [3_000, 50];
let recent: { readonly ranges: string[]; readonly until: number } | undefined;

/** The same as it was a moment ago, where reading it takes long: the kernel's tables of 2,000 bridges take 80 ms. */
export function recentRangesInUse(): string[] {
  return recent && performance.now() < recent.until ? recent.ranges : rangesInUse();
}

/** Whether the kernel has IPv6 at all (`ipv6.disable=1` takes it away). */
export function hasIpv6(): boolean {
  return existsSync('/proc/net/if_inet6'); // empty, but there, where all interfaces have it switched off
}

function littleEndian(hex: string): string {
  return (hex.match(/../g) ?? [])
    .map((byte) => Number.parseInt(byte, 16))
    .reverse()
    .join('.');
}

function prefixLength(hex: string): number {
  return Number.parseInt(hex, 16).toString(2).replaceAll('0', '').length;
}
