import { onTestFinished } from 'vitest';
import type { CanonicalHost } from '../../../proxy/policy/authority.js';
import { type DnsChoice, parseDns } from '../../../proxy/policy/dns-flags.js';
import { createResolver, type Resolver } from '../../../proxy/resolve/resolver.js';
import { type DnsScript, type DnsServer, startDnsServer } from '../../support/dns-server.js';

type Options = NonNullable<Parameters<typeof createResolver>[0]>;

export const name = (text: string) => text as CanonicalHost;

export async function server(records: Record<string, DnsScript>): Promise<DnsServer> {
  const started = await startDnsServer({ records });
  onTestFinished(() => started.close());
  return started;
}

export function resolver({ dns, ...options }: Omit<Options, 'dns'> & { readonly dns?: string }): Resolver {
  const created = createResolver({ ...options, ...(dns !== undefined && { dns: choice(dns) }) });
  onTestFinished(() => created.close());
  return created;
}

function choice(text: string): DnsChoice {
  const parsed = parseDns(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

export async function addresses(from: Resolver, host: string): Promise<string[]> {
  return (await from.resolve(name(host))).map((one) => one.address);
}

export async function timed<T>(work: Promise<T>): Promise<{ ms: number; result: PromiseSettledResult<T> }> {
  const start = performance.now();
  const [result] = await Promise.allSettled([work]);
  return { ms: performance.now() - start, result };
}

export const asked = (dns: DnsServer, query: string) => dns.queries.filter((one) => one === query).length;
