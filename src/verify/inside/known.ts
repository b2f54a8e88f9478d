import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Attempt, KNOWN_INSIDE } from './plan.js';

/** Addresses of this network namespace, loopback left out; of link-local ones with their zone. */
export function ownAddresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? [])
      .filter(({ internal }) => !internal)
      .map(({ address, scopeid }) => (scopeid ? `${address}%${name}` : address)),
  );
}

/** An attempt with what only this place knows put in; several where there are several. */
export function withKnown(attempt: Attempt): Attempt[] {
  if (!('host' in attempt)) return [attempt];
  switch (attempt.host) {
    case KNOWN_INSIDE.proxy: {
      const proxy = environmentProxy();
      if (!proxy || !('port' in attempt)) return [];
      return [{ ...attempt, ...proxy, ...('say' in attempt && said(attempt.say, proxy)) } as Attempt];
    }
    case KNOWN_INSIDE.resolvers:
      return resolvers().map((host) => ({ ...attempt, host }));
    case KNOWN_INSIDE.gateway:
      return gateways().map((host) => ({ ...attempt, host }));
    case KNOWN_INSIDE.own: {
      const [host] = ownAddresses();
      return host === undefined ? [] : [{ ...attempt, host }];
    }
  }
  return [attempt];
}

/** @param say pieces, or one */
function said(say: readonly string[] | string | undefined, { host, port }: { host: string; port: number }) {
  const filled = (text: string) => text.replaceAll(`${KNOWN_INSIDE.proxy}:0`, `${host}:${port}`);
  if (say === undefined) return {};
  return { say: typeof say === 'string' ? filled(say) : say.map(filled) };
}

function gateways(): string[] {
  const cidrs = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).flatMap(({ internal, family, address, netmask }) =>
      internal || family !== 'IPv4' ? [] : [firstOf(address, netmask)],
    ),
  );
  return [...new Set(cidrs)];
}

/** The first address of a network. */
function firstOf(address: string, netmask: string): string {
  const mask = netmask.split('.').map(Number);
  const network = address.split('.').map((byte, i) => Number(byte) & (mask[i] ?? 0));
  return [...network.slice(0, 3), (network[3] ?? 0) + 1].join('.');
}

/** Where the variables say that the proxy is. */
export function environmentProxy(): { host: string; port: number } | undefined {
  const text = process.env.http_proxy ?? process.env.HTTP_PROXY ?? '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

function resolvers(): string[] {
  try {
    const text = readFileSync('/etc/resolv.conf', 'utf8').slice(0, 65_536);
    const found = text.split('\n').flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
    return [...new Set(found)];
  } catch {
    return [];
  }
}
