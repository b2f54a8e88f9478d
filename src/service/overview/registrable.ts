import { isIP } from 'node:net';
import { getDomain } from 'tldts';

/** Hosts are canonical, or what could be read of one that is none. */
const AS_IT_IS = { extractHostname: false, validateHostname: false, detectIp: false };

/** The domain that somebody registered (publicsuffix.org, private suffixes included); an address or another name as it is. */
export function registrable(host: string): string {
  if (isIP(host) !== 0) return host;
  return getDomain(host, { ...AS_IT_IS, allowPrivateDomains: true }) ?? host;
}
