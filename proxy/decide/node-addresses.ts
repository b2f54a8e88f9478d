import { formatIp, type Ip, parseIp, unmapped } from '../policy/ip.js';
import { machineAddresses } from './machine-addresses.js';

interface CachedMachineAddressesOptions {
  /** Default: `machineAddresses`. */
  readonly read?: () => readonly string[];
  /** Monotonic clock, ms. Default: `performance.now`. */
  readonly now?: () => number;
}

/** How old the list may get. */
const REFRESH_MS = 3000;

/**
 * The machine addresses, read anew when asked after some seconds: reading takes 6 ms with 400 bridges. There is no
 * timer. Where reading fails (it takes a file descriptor), the last list stays.
 */
export class CachedMachineAddresses {
  readonly #read: () => readonly string[];
  readonly #now: () => number;
  #addresses: ReadonlySet<string> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: CachedMachineAddressesOptions = {}) {
    this.#read = options.read ?? machineAddresses;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Canonical text of each; undefined as long as no reading has succeeded. */
  current(): ReadonlySet<string> | undefined {
    if (this.#now() - this.#readAt >= REFRESH_MS) {
      try {
        this.#addresses = new Set(this.#read().flatMap(canonical));
        this.#readAt = this.#now();
      } catch {
        // Asked again at the next question.
      }
    }
    return this.#addresses;
  }
}

/** One list for all proxies of the process: it is a fact about the machine, and each reading costs. */
const ofThisMachine = new CachedMachineAddresses();

interface NodeAddressesOptions {
  /**
   * Those that are on no interface here, such as a cloud's public one, or those of the host where the proxy runs in a
   * container. Canonical, never IPv4-mapped. Default: none.
   */
  readonly listed?: readonly string[];
  /** Default: those of this machine. */
  readonly machine?: Pick<CachedMachineAddresses, 'current'>;
}

/** What no job may reach because it is the node: the machine addresses, and those that are listed. */
export class NodeAddresses {
  readonly #listed: ReadonlySet<string>;
  readonly #machine: Pick<CachedMachineAddresses, 'current'>;

  constructor(options: NodeAddressesOptions = {}) {
    this.#listed = new Set(options.listed);
    this.#machine = options.machine ?? ofThisMachine;
  }

  /**
   * Whether the address is one of the node's; an IPv4-mapped one is taken as the IPv4 address. While the machine
   * addresses cannot be read, every address is: that refuses too much rather than too little.
   */
  has(ip: Ip): boolean {
    const text = formatIp(unmapped(ip));
    return this.#listed.has(text) || (this.#machine.current()?.has(text) ?? true);
  }

  /** Whether the address is a listed one: it may lead to any address of this node, by way of a translation elsewhere. */
  isListed(ip: Ip): boolean {
    return this.#listed.has(formatIp(unmapped(ip)));
  }
}

function canonical(text: string): string[] {
  // A link-local address can carry a zone id; what is judged never does.
  const ip = parseIp(text.split('%', 1)[0] ?? '');
  return ip === undefined ? [] : [formatIp(unmapped(ip))];
}
