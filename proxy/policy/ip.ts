import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A parsed address. Only `parseIp` makes one from text: ipaddr.js alone reads `127.1`, octal, hex and zone ids. */
export type Ip = ipaddr.IPv4 | ipaddr.IPv6;

const DOTTED_QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
/** The longest IPv6 text: six groups and a dotted quad. */
const IPV6_MAX_LENGTH = 45;
const IPV6_BYTES = /^[0-9A-Fa-f:.]+$/;
const DOTTED_TAIL = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/;

/**
 * Reads a strict dotted quad (no leading zeros, no short forms), or IPv6 text (RFC 4291 section 2.2) without brackets
 * and without a zone id. Anything else is undefined.
 */
export function parseIp(text: string): Ip | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): ipaddr.IPv4 | undefined {
  const match = DOTTED_QUAD.exec(text);
  if (match === null) return undefined;
  const octets = [Number(match[1]), Number(match[2]), Number(match[3]), Number(match[4])];
  return Math.max(...octets) <= 255 ? new ipaddr.IPv4(octets) : undefined;
}

function parseIpv6(text: string): ipaddr.IPv6 | undefined {
  // The byte check comes first: `isIPv6` takes zone ids, and anything behind their percent sign.
  if (text.length > IPV6_MAX_LENGTH || !IPV6_BYTES.test(text) || !isIPv6(text)) return undefined;
  return ipaddr.IPv6.parse(withoutDottedTail(text));
}

/** ipaddr.js reads `::1.2.3.4` as `::ffff:1.2.3.4`, another address: it never sees a dotted tail. */
function withoutDottedTail(text: string): string {
  const match = DOTTED_TAIL.exec(text);
  if (match === null) return text;
  const [a = 0, b = 0, c = 0, d = 0] = (match[2] ?? '').split('.').map(Number);
  return `${match[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** Canonical text: dotted quad, or RFC 5952; IPv4-mapped in mixed notation (RFC 5952 section 5), like `remoteAddress`. */
export function formatIp(ip: Ip): string {
  if (isIpv4(ip)) return ip.toString();
  return ip.isIPv4MappedAddress() ? `::ffff:${ip.toIPv4Address().toString()}` : ip.toRFC5952String();
}

/** An IPv4-mapped address (RFC 4291 section 2.5.5.2) as the IPv4 address that a socket would really reach. */
export function unmapped(ip: Ip): Ip {
  return !isIpv4(ip) && ip.isIPv4MappedAddress() ? ip.toIPv4Address() : ip;
}

export function isIpv4(ip: Ip): ip is ipaddr.IPv4 {
  return ip.kind() === 'ipv4';
}

/** A prefix of one family. */
export class IpRange {
  constructor(
    readonly base: Ip,
    /** Prefix length in bits, 0–32 or 0–128. */
    readonly bits: number,
  ) {}

  /** From a constant such as `10.0.0.0/8`; throws on text that is not one. */
  static of(cidr: string): IpRange {
    const [address = '', bits = ''] = cidr.split('/');
    const base = parseIp(address);
    if (base === undefined || !/^\d+$/.test(bits)) throw new RangeError(`${cidr} is not a CIDR`);
    return new IpRange(base, Number(bits));
  }

  contains(ip: Ip): boolean {
    return ip.kind() === this.base.kind() && ip.match(this.base, this.bits);
  }

  /** The same range with all bits beyond the prefix zero. */
  network(): IpRange {
    const bytes = this.base.toByteArray().map((byte, index) => {
      const kept = Math.min(8, Math.max(0, this.bits - index * 8));
      return byte & (0xff00 >> kept) & 0xff;
    });
    return new IpRange(ipaddr.fromByteArray(bytes), this.bits);
  }
}
