import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { LockdownError } from '../engine/errors.js';
import { hasIpv6, routes } from './host-net.js';

/** Flags of a bridge without IFF_UP (1): IFF_BROADCAST and IFF_MULTICAST. */
const FLAGS_DOWN = '0x1002';
const FLAGS_UP = '0x1003';

/** Whether the bridge of a network is in this network namespace, with a route of its subnet: the engine is here. */
export function bridgeIsHere(bridge: string, subnet: string): boolean {
  return routes().some((route) => route.iface === bridge && route.cidr === subnet);
}

/**
 * Settings of the bridge itself that hold whatever happens to the firewall: no IPv6 (every interface has a
 * link-local address otherwise, and hand-made frames reach services on `[::]`), and, where the firewall has no second
 * line, nothing that comes in by it is forwarded. That is silent: a client that goes direct hangs, where a rule
 * refuses it at once. Called again and again: a change of net.ipv4.ip_forward sets the second back.
 *
 * @param secondLine whether rules hold when those of the table `filter` are flushed.
 * @throws LockdownError where a setting does not hold.
 */
export function hardenBridge(bridge: string, secondLine: boolean): void {
  if (hasIpv6()) set(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, '1');
  if (!secondLine) set(`/proc/sys/net/ipv4/conf/${bridge}/forwarding`, '0');
}

/** Takes a bridge down, as far as this process may. Never throws. */
export function lowerBridge(bridge: string): void {
  try {
    writeFileSync(`/sys/class/net/${bridge}/flags`, FLAGS_DOWN);
  } catch {
    try {
      ip('link', 'set', bridge, 'down'); // /sys is read-only, or another network namespace's
    } catch {
      // gone already, or not allowed: whoever calls this disconnects the containers as well
    }
  }
}

/**
 * Takes a bridge up again that `lowerBridge` or a guard took down; its address and route come back with it.
 *
 * @throws LockdownError where it stays down.
 */
export function raiseBridge(bridge: string): void {
  const file = `/sys/class/net/${bridge}/flags`;
  // Where /sys is another network namespace's, the bridge is not in it.
  const isUp = () =>
    existsSync(file)
      ? (Number(readFileSync(file, 'utf8')) & 1) === 1
      : /[<,]UP[,>]/.test(ip('-o', 'link', 'show', 'dev', bridge));
  try {
    if (isUp()) return;
    try {
      writeFileSync(file, FLAGS_UP);
    } catch {
      ip('link', 'set', bridge, 'up'); // /sys is read-only, or another network namespace's
    }
    if (isUp()) return;
  } catch (error) {
    throw new LockdownError(`bridge ${bridge} cannot be taken up: ${(error as Error).message}`, {
      cause: error,
    });
  }
  throw new LockdownError(`bridge ${bridge} does not stay up: does another program take it down?`);
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { stdio: 'pipe', encoding: 'utf8' });
}

function set(path: string, value: string): void {
  const get = () => readFileSync(path, 'utf8').trim();
  try {
    if (get() === value) return;
    writeFileSync(path, value);
    if (get() === value) return;
  } catch (error) {
    throw new LockdownError(
      `cannot set ${path} to ${value}: ${(error as Error).message}; run as root, or with CAP_NET_ADMIN and /proc/sys writable`,
      { cause: error },
    );
  }
  throw new LockdownError(`${path} does not stay ${value}: does another program set it?`);
}

/** What the system says of a setting that this process may not change. */
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * The host's end of a bridge on which it has no IPv4 address: no IPv6 either, nothing that comes in by it is taken (it
 * has no valid source there), no ARP is answered for the host's other addresses. A job that binds a socket to its
 * interface would reach UDP services of the host otherwise, without any capability.
 *
 * @returns why it stays open, where this process may not close it and the kernel takes any source there.
 * @throws LockdownError where it may, and a setting does not hold.
 */
export function closeHostEnd(bridge: string): Error | undefined {
  try {
    if (hasIpv6()) set(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, '1');
    set(`/proc/sys/net/ipv4/conf/${bridge}/rp_filter`, '1');
    set(`/proc/sys/net/ipv4/conf/${bridge}/arp_ignore`, '8');
    return undefined;
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (!FORBIDDEN.has(String(code))) throw error;
    return filtersSources(bridge) ? undefined : (error as Error);
  }
}

/**
 * Whether the kernel drops what comes in by an interface without addresses: with either kind of reverse path filter it
 * does, since no source is valid there. What cannot be read is none.
 */
export function filtersSources(name: string, settings = '/proc/sys/net/ipv4/conf'): boolean {
  try {
    return ['all', name].some((of) => Number(readFileSync(`${settings}/${of}/rp_filter`, 'utf8')) > 0);
  } catch {
    return false;
  }
}
