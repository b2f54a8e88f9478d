import { type Parsed, type Problem, parsePort } from './authority.js';
import { formatIp, IpRange, isIpv4, parseIp, unmapped } from './ip.js';

/** Addresses, and the port to which they are limited if there is one. */
export interface CidrPort {
  readonly range: IpRange;
  readonly port?: number;
}

const fail = (problem: string): Problem => ({ ok: false, problem });

/**
 * Reads the operator's exception to the public-addresses rule: `CIDR[:PORT]` or `ADDRESS[:PORT]`, IPv6 with a port in
 * brackets around all but the port (`[fd00::/8]:443`). The problem is a sentence about it, without it.
 */
export function parseCidrPort(text: string): Parsed<CidrPort> {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const [, cidr = '', port] = bracketed;
    return cidr.includes(':') ? join(cidr, port) : fail('it has brackets round something that is not IPv6');
  }
  const colon = text.indexOf(':');
  const ipv6 = colon !== text.lastIndexOf(':');
  return ipv6 || colon < 0 ? join(text, undefined) : join(text.slice(0, colon), text.slice(colon + 1));
}

/**
 * Reads `ADDRESS/BITS`; an address alone is that one address. Bits beyond the prefix must be zero: `10.0.0.1/8` may
 * be meant as one address or as 16 million.
 */
export function parseCidr(text: string): Parsed<IpRange> {
  const slash = text.indexOf('/');
  const base = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (base === undefined)
    return fail('it is not an IP address or CIDR such as 10.0.0.0/8, 10.0.0.1 or fd00::/8');
  const longest = isIpv4(base) ? 32 : 128;
  const digits = slash < 0 ? String(longest) : text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > longest) {
    return fail(`it has a prefix that is not a number from 0 to ${longest}`);
  }
  const bits = Number(digits);
  const range = new IpRange(base, bits);
  if (unmapped(base) !== base && bits >= 96) {
    const ipv4 = new IpRange(unmapped(base), bits - 96);
    return fail(`it is IPv4 written as IPv6, write ${rangeText(ipv4)}`);
  }
  const network = range.network();
  return formatIp(network.base) === formatIp(base)
    ? { ok: true, value: range }
    : fail(
        `it has bits set beyond its prefix, write ${rangeText(network)} for all of it or ${formatIp(base)} for one`,
      );
}

function join(cidr: string, portText: string | undefined): Parsed<CidrPort> {
  const range = parseCidr(cidr);
  if (!range.ok) return range;
  if (portText === undefined) return { ok: true, value: { range: range.value } };
  const port = parsePort(portText);
  if (!port.ok) return port;
  return { ok: true, value: { range: range.value, port: port.value } };
}

function rangeText({ base, bits }: IpRange): string {
  return `${formatIp(base)}/${bits}`;
}
