import type { CidrPort } from '../policy/cidr-port.js';
import { formatIp, type Ip, IpRange, isIpv4, parseIp, unmapped } from '../policy/ip.js';
import type { JudgedAddress } from '../policy/judged.js';
import { embeddedIpv4, isPublic } from '../policy/public-address.js';
import type { Listener } from './listeners.js';
import type { NodeAddresses } from './node-addresses.js';

type AddressDenial = 'address-not-public' | 'address-of-node' | 'proxy-loop' | 'operator-denied';

type Judgement =
  | { readonly ok: true; readonly address: JudgedAddress }
  | { readonly ok: false; readonly reason: AddressDenial };

export interface AddressRuleOptions {
  /** What the operator lets jobs reach although it is not public, or is the node. */
  readonly exceptions: readonly CidrPort[];
  readonly node: Pick<NodeAddresses, 'has' | 'isListed'>;
  /** All listeners of jobgate on a port at the time of the question; no exception opens them. */
  readonly listeners: (port: number) => Iterable<Listener>;
  /** Whether the operator denies an address (canonical, never IPv4-mapped) on a port; beats exceptions. Default: none. */
  readonly deniedAddresses?: (address: string, port: number) => boolean;
}

interface Address {
  readonly ip: Ip;
  /** Canonical. */
  readonly text: string;
}

/** So many addresses are remembered. */
const MAX_KNOWN = 256;

/** Which addresses may be dialled: the public ones, and what the operator makes an exception for. */
export class AddressRule {
  readonly #options: AddressRuleOptions;
  readonly #known = new Map<string, Address>();

  constructor(options: AddressRuleOptions) {
    this.#options = options;
  }

  /** Judges one address of an answer for the port that is to be dialled. What is no address is not public. */
  judge(address: string, port: number): Judgement {
    const read = this.#read(address);
    if (read === undefined) return { ok: false, reason: 'address-not-public' };
    const reason = this.#refusal(read.ip, port, read.text);
    if (reason !== undefined) return { ok: false, reason };
    const family = isIpv4(read.ip) ? 4 : 6;
    return { ok: true, address: { address: read.text, family } as JudgedAddress };
  }

  /** What an address means is remembered, since it takes longer than to judge it; the judgement is not. */
  #read(address: string): Address | undefined {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const parsed = parseIp(address);
    if (parsed === undefined) return undefined;
    const ip = unmapped(parsed);
    const read = { ip, text: formatIp(ip) };
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(address, read);
    return read;
  }

  /** The operator's deny, then jobgate itself, then exceptions; the same again for IPv4 behind a translator. */
  #refusal(ip: Ip, port: number, text = formatIp(ip)): AddressDenial | undefined {
    if (this.#options.deniedAddresses?.(text, port)) return 'operator-denied';
    if (this.#isListener(ip, port)) return 'proxy-loop';
    if (!this.#isExcepted(ip, port)) {
      // Loopback is the node on every node: no list is needed to know it.
      if (!LOOPBACK.some((range) => range.contains(ip)) && this.#options.node.has(ip))
        return 'address-of-node';
      if (!isPublic(ip)) return 'address-not-public';
    }
    for (const behind of embeddedIpv4(ip)) {
      const reason = this.#refusal(behind, port);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  #isExcepted(ip: Ip, port: number): boolean {
    return this.#options.exceptions.some(
      (exception) =>
        (exception.port === undefined || exception.port === port) && exception.range.contains(ip),
    );
  }

  #isListener(ip: Ip, port: number): boolean {
    for (const listener of this.#options.listeners(port)) {
      if (listener.port === port && this.#reaches(ip, listener)) return true;
    }
    return false;
  }

  /** Whether a connection to `ip`, at a listener's port, can end at that listener. */
  #reaches(ip: Ip, { host, exact }: Listener): boolean {
    const bound = parseIp(host);
    // A listed address is translated to one of this node's, nobody here knows which; so is a host that is no address.
    if (
      bound === undefined ||
      UNSPECIFIED.includes(formatIp(ip)) ||
      (!exact && this.#options.node.isListed(ip))
    )
      return true;
    const at = formatIp(unmapped(bound));
    if (at === formatIp(ip)) return true;
    if (!UNSPECIFIED.includes(at)) return false;
    return LOOPBACK.some((range) => range.contains(ip)) || this.#options.node.has(ip);
  }
}

/** Linux connects these to the machine itself. */
const UNSPECIFIED: readonly string[] = ['0.0.0.0', '::'];

const LOOPBACK = ['127.0.0.0/8', '::1/128'].map(IpRange.of);
