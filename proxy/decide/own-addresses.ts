import { formatIp, type Ip, parseIp, unmapped } from '../policy/ip.js';
import { machineAddresses } from './machine-addresses.js';

export interface InterfaceAddressesOptions {
  /** How old the list may get, ms. Default: 3000. */
  readonly refreshMs?: number;
  /** Default: `machineAddresses`. */
  readonly read?: () => readonly string[];
  /** Monotonic clock, ms. Default: `performance.now`. */
  readonly now?: () => number;
}

/**
 * The addresses of the interfaces, read anew when asked after some seconds: reading takes 6 ms with 400 bridges.
 * There is no timer. Where reading fails (it takes a file descriptor), the last list stays.
 */
export class InterfaceAddresses {
  readonly #refreshMs: number;
  readonly #read: NonNullable<InterfaceAddressesOptions['read']>;
  readonly #now: () => number;
  #addresses: ReadonlySet<string> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: InterfaceAddressesOptions = {}) {
    this.#refreshMs = options.refreshMs ?? 3000;
    this.#read = options.read ?? machineAddresses;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Canonical text of each; undefined as long as no reading has succeeded. */
  current(): ReadonlySet<string> | undefined {
    if (this.#now() - this.#readAt >= this.#refreshMs) this.refresh();
    return this.#addresses;
  }

  /** Reads now, for whoever has just changed an interface. */
  refresh(): void {
    try {
      this.#addresses = new Set(this.#read().flatMap(interfaceAddress));
      this.#readAt = this.#now();
    } catch {
      // Asked again at the next question.
    }
  }
}

/** One list for all proxies of the process: it is a fact about the machine, and each reading costs. */
const ofThisMachine = new InterfaceAddresses();

export interface OwnAddressesOptions {
  /**
   * Addresses of this node that are on no interface, such as a cloud's public one, or those of the host where the
   * proxy runs in a container. Canonical, never IPv4-mapped. Default: none.
   */
  readonly nodeAddresses?: readonly string[];
  /** Default: those of this machine. */
  readonly interfaces?: Pick<InterfaceAddresses, 'current'>;
}

/** The addresses of this node: its interfaces', and those that are listed. */
export class OwnAddresses {
  readonly #listed: ReadonlySet<string>;
  readonly #interfaces: Pick<InterfaceAddresses, 'current'>;

  constructor(options: OwnAddressesOptions = {}) {
    this.#listed = new Set(options.nodeAddresses);
    this.#interfaces = options.interfaces ?? ofThisMachine;
  }

  /** Exactly these addresses, no interface's. */
  static fixed(addresses: readonly string[]): OwnAddresses {
    return new OwnAddresses({ nodeAddresses: addresses, interfaces: { current: () => new Set() } });
  }

  /**
   * Whether the address is one of the node's; an IPv4-mapped one is taken as the IPv4 address. While the interfaces
   * cannot be read, every address is: that refuses too much rather than too little.
   */
  has(ip: Ip): boolean {
    const text = formatIp(unmapped(ip));
    return this.#listed.has(text) || (this.#interfaces.current()?.has(text) ?? true);
  }

  /** Whether the address is a listed one: it may lead to any address of this node, by way of a translation elsewhere. */
  isListed(ip: Ip): boolean {
    return this.#listed.has(formatIp(unmapped(ip)));
  }

  /** All of them in canonical text: what a gateway in a container is given as its `nodeAddresses`. */
  list(): string[] {
    return [...new Set([...this.#listed, ...(this.#interfaces.current() ?? [])])];
  }
}

function interfaceAddress(text: string): string[] {
  // A link-local address can carry a zone id; what is judged never does.
  const ip = parseIp(text.split('%', 1)[0] ?? '');
  return ip === undefined ? [] : [formatIp(unmapped(ip))];
}
