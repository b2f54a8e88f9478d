import { isIP } from 'node:net';
import { getDomain } from 'tldts';
import { MAX_HOSTS } from '../../../proxy/report/figures.js';

/** Hosts are canonical, or what could be read of one that is none. */
const AS_IT_IS = { extractHostname: false, validateHostname: false, detectIp: false };

/** The domain that somebody registered (publicsuffix.org, private suffixes included); an address or another name as it is. */
export function registrable(host: string): string {
  if (isIP(host) !== 0) return host;
  return getDomain(host, { ...AS_IT_IS, allowPrivateDomains: true }) ?? host;
}

/** The same for hosts that are told again and again: each is looked up once, 2 µs each time otherwise. */
export class Registrables {
  readonly #byHost = new Map<string, string>();
  readonly #lookUp: (host: string) => string;

  constructor(lookUp = registrable) {
    this.#lookUp = lookUp;
  }

  of(host: string): string {
    const known = this.#byHost.get(host);
    if (known !== undefined) return known;
    // A proxy has no more lines than that; those of its next worker may be others.
    if (this.#byHost.size > MAX_HOSTS) this.#byHost.clear();
    const domain = this.#lookUp(host);
    this.#byHost.set(host, domain);
    return domain;
  }
}
