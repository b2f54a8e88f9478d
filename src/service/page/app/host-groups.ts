import type { GatewayView } from './server-types.js';

type HostFigures = GatewayView['figures']['hosts'][number];

export interface Host {
  readonly host: string;
  readonly port: number;
  readonly allowed: number;
  readonly refused: number;
  readonly reasons: readonly string[];
  /** Bytes of what has ended; undefined where that is not known. */
  readonly up: number | undefined;
  readonly down: number | undefined;
}

/** Hosts that share a registrable domain. */
export interface HostGroup {
  readonly domain: string;
  readonly hosts: readonly Host[];
  readonly count: number;
}

/** Hosts by their domain, those with most first; a host that was both allowed and refused is in both. */
export function hostGroups(hosts: readonly HostFigures[]) {
  const all = hosts.map((one) => ({ domain: one.registrable, host: hostOf(one) }));
  return {
    refused: grouped(all, ({ refused }) => refused),
    allowed: grouped(all, ({ allowed }) => allowed),
  };
}

function hostOf({ host, port, allowed, denied, up, down }: HostFigures): Host {
  const refused = Object.values(denied).reduce((sum, count) => sum + count, 0);
  const reasons = Object.entries(denied)
    .sort(([, a], [, b]) => b - a)
    .map(([reason]) => reason);
  return { host, port, allowed, refused, reasons, up, down };
}

function grouped(
  all: readonly { readonly domain: string; readonly host: Host }[],
  countOf: (host: Host) => number,
): HostGroup[] {
  const groups = new Map<string, Host[]>();
  for (const { domain, host } of all) {
    if (countOf(host) > 0) groups.set(domain, [...(groups.get(domain) ?? []), host]);
  }
  return [...groups]
    .map(([domain, hosts]) => ({
      domain,
      hosts: hosts.sort((a, b) => countOf(b) - countOf(a)),
      count: hosts.reduce((sum, host) => sum + countOf(host), 0),
    }))
    .sort((a, b) => b.count - a.count);
}
