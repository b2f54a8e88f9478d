import ipaddr from 'ipaddr.js';
import { type Ip, IpRange, isIpv4 } from './ip.js';

/** IANA's special-purpose IPv4 registry (RFC 6890), multicast and class E. */
const NOT_PUBLIC_IPV4 = [
  '0.0.0.0/8', // this network; Linux connects 0.0.0.0 to itself
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT; clouds' metadata at 100.100.100.200
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local; clouds' metadata at 169.254.169.254
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4',
  '240.0.0.0/4',
  '168.63.129.16/32', // a public address that is Azure's metadata service on every machine there
].map(IpRange.of);

/** IPv6 unicast that IANA has given out; all else (loopback, ULA, link-local, NAT64, multicast, …) is not public. */
const GLOBAL_IPV6 = IpRange.of('2000::/3');

const NOT_PUBLIC_IPV6 = [
  '2001::/23', // protocol assignments, Teredo among them
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '3fff::/20', // documentation
].map(IpRange.of);

/** Whether an address, not IPv4-mapped, is one that the whole internet means the same machine by. */
export function isPublic(ip: Ip): boolean {
  if (isIpv4(ip)) return !NOT_PUBLIC_IPV4.some((range) => range.contains(ip));
  return GLOBAL_IPV6.contains(ip) && !NOT_PUBLIC_IPV6.some((range) => range.contains(ip));
}

const TEREDO = IpRange.of('2001::/32');
const SIX_TO_FOUR = IpRange.of('2002::/16');
const UNSPECIFIED_AND_LOOPBACK = IpRange.of('::/127');
/** Prefixes with IPv4 in the last 32 bits. */
const IPV4_AT_END = [
  '64:ff9b::/96', // NAT64 (RFC 6052)
  '64:ff9b:1::/48', // NAT64 in a local prefix (RFC 8215), of 96 bits as is usual
  '::ffff:0:0:0/96', // SIIT (RFC 7915)
  '::/96', // compatible (RFC 4291)
].map(IpRange.of);

/**
 * The IPv4 addresses that a translator or a tunnel would reach by this IPv6 address. None of these prefixes is public:
 * they matter where the operator made an exception for one, which is about IPv6 and not about what lies behind.
 */
export function embeddedIpv4(ip: Ip): Ip[] {
  if (isIpv4(ip) || UNSPECIFIED_AND_LOOPBACK.contains(ip)) return [];
  const bytes = ip.toByteArray();
  const ipv4At = (offset: number) => new ipaddr.IPv4(bytes.slice(offset, offset + 4));
  if (IPV4_AT_END.some((range) => range.contains(ip))) return [ipv4At(12)];
  if (SIX_TO_FOUR.contains(ip)) return [ipv4At(2)];
  if (TEREDO.contains(ip)) {
    // RFC 4380 section 4: the server as it is, the client with each bit inverted.
    return [ipv4At(4), new ipaddr.IPv4(bytes.slice(12, 16).map((byte) => byte ^ 0xff))];
  }
  return [];
}
