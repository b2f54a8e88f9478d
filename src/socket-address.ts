import { BlockList, isIP, isIPv6 } from 'node:net';

/** Reads `ADDRESS:PORT` to listen on, IPv6 in brackets; port 0 is any. Undefined where it is none. */
export function parseSocketAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  return match && isIP(host) !== 0 && port <= 65_535 ? { host, port } : undefined;
}

export function formatSocketAddress({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export function isLoopback(address: string): boolean {
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
