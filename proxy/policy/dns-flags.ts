import { type CanonicalHost, type Parsed, parseHost, parseHostHeader } from './authority.js';

/** Who answers for names. */
export type DnsChoice =
  /** The servers of /etc/resolv.conf. */
  | { readonly kind: 'default' }
  /** getaddrinfo: /etc/hosts, NSS, whatever the system does. */
  | { readonly kind: 'system' }
  /** One server; `text` is `ADDR:PORT`, IPv6 in brackets. */
  | { readonly kind: 'server'; readonly text: string };

const DNS_PORT = 53;
const DNS_HELP = 'write ADDR, ADDR:PORT ([ADDR]:PORT for IPv6), or system';
const HOST_HELP = 'write NAME:IP, IPv6 in brackets: NAME:[IP]';

/** The value of `--dns`: `default`, `system`, or the address of a server. */
export function parseDns(text: string): Parsed<DnsChoice> {
  if (text === 'default' || text === 'system') return { ok: true, value: { kind: text } };
  const bare = parseHost(text);
  const server =
    bare.ok && bare.value.kind === 'ipv6'
      ? { ok: true as const, value: { ...bare.value, port: DNS_PORT } }
      : parseHostHeader(text, DNS_PORT);
  if (!server.ok)
    return { ok: false, problem: `the DNS server is not understood: ${server.problem}: ${DNS_HELP}` };
  const { host, kind, port } = server.value;
  if (kind === 'name')
    return { ok: false, problem: `a DNS server is given by its address, not by a name: ${DNS_HELP}` };
  return {
    ok: true,
    value: { kind: 'server', text: kind === 'ipv6' ? `[${host}]:${port}` : `${host}:${port}` },
  };
}

/** One value of `--add-host`: `NAME:IP`. */
export function parseAddHost(text: string): Parsed<readonly [name: CanonicalHost, address: CanonicalHost]> {
  const colon = text.indexOf(':');
  if (colon < 0) return { ok: false, problem: `the address is missing: ${HOST_HELP}` };
  const name = parseHost(text.slice(0, colon));
  if (!name.ok) return { ok: false, problem: `${name.problem}: ${HOST_HELP}` };
  if (name.value.kind !== 'name') return { ok: false, problem: `an address needs no answer: ${HOST_HELP}` };
  const written = text.slice(colon + 1);
  const bracketed = written.startsWith('[') && written.endsWith(']');
  const address = parseHost(bracketed ? written.slice(1, -1) : written);
  if (!address.ok || address.value.kind === 'name' || bracketed !== (address.value.kind === 'ipv6')) {
    return { ok: false, problem: `what follows the name is not an IP address: ${HOST_HELP}` };
  }
  return { ok: true, value: [name.value.host, address.value.host] };
}
