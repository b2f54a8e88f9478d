import { parseCidr } from '../policy/cidr-port.js';
import { type IpRange, parseIp, unmapped } from '../policy/ip.js';
import { PolicyError } from '../policy/policy-error.js';

/** Who may speak to a proxy: addresses within any of some CIDRs. None: nobody. */
export class Clients {
  readonly #ranges: readonly IpRange[];
  /** The last one that was included: a job mostly has one address. */
  #last: string | undefined;

  /** @throws PolicyError for what is not a CIDR or an address. */
  constructor(cidrs: readonly string[]) {
    this.#ranges = cidrs.map((cidr) => {
      const parsed = parseCidr(cidr);
      if (!parsed.ok) throw new PolicyError(`range of clients ${JSON.stringify(cidr)}: ${parsed.problem}`);
      return parsed.value;
    });
  }

  /** `address`: as a socket gives it; IPv4 on a dual-stack listener counts as IPv4. */
  includes(address: string | undefined): boolean {
    if (address === undefined) return false;
    if (address === this.#last) return true;
    const ip = parseIp(address);
    if (ip === undefined) return false;
    const plain = unmapped(ip);
    if (!this.#ranges.some((range) => range.contains(plain))) return false;
    this.#last = address;
    return true;
  }
}
