import { randomInt } from 'node:crypto';
import { parseCidr } from '../../proxy/policy/cidr-port.js';
import { IpRange, isIpv4, parseIp } from '../../proxy/policy/ip.js';
import { GatewayError } from '../engine/errors.js';

export interface SubnetPoolOptions {
  /** IPv4 range that the networks' subnets are taken from. Default `10.213.0.0/16`. */
  readonly pool?: string;
  /** Prefix length of one subnet, 16–29. Default 29: 8192 networks of six addresses (three for containers, where the
   * gateway is one). */
  readonly prefix?: number;
}

const DEFAULT_SUBNET_POOL = { pool: '10.213.0.0/16', prefix: 29 } as const;

const SHARED_PREFIX = 26;

/** A subnet for one isolated network. */
export interface Subnet {
  /** `10.213.4.8/29` */
  readonly cidr: string;
  /** Its first address: the bridge's, where the gateway listens. */
  readonly gateway: string;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * Where isolated networks get their subnets from. Docker's default pools end at about 30 networks.
 */
export class SubnetPool {
  readonly #pool: Range & { text: string };
  readonly #prefix: number;

  /** @throws GatewayError for a pool that is none. */
  constructor(options: SubnetPoolOptions = {}) {
    const text = options.pool ?? DEFAULT_SUBNET_POOL.pool;
    this.#prefix = options.prefix ?? DEFAULT_SUBNET_POOL.prefix;
    const parsed = parseCidr(text);
    const isPool = parsed.ok && text.includes('/') && isIpv4(parsed.value.base) && parsed.value.bits > 0;
    if (!isPool) {
      const hint = parsed.ok ? `write it as ${DEFAULT_SUBNET_POOL.pool}` : parsed.problem;
      throw new GatewayError(`subnet pool ${JSON.stringify(text)} is not an IPv4 range: ${hint}`);
    }
    const length = parsed.value.bits;
    if (!(this.#prefix >= 16 && this.#prefix <= 29) || this.#prefix < length) {
      throw new GatewayError(
        `subnet pool ${text} cannot be cut into /${this.#prefix}: the prefix is 16 to 29, and not shorter than the pool's own`,
      );
    }
    this.#pool = { ...covered(parsed.value), text };
  }

  /** The same range in larger pieces, for networks that several containers share: 59 fit on one. */
  static shared({ pool = DEFAULT_SUBNET_POOL.pool, prefix }: SubnetPoolOptions = {}): SubnetPool {
    const length = Number(pool.split('/')[1]);
    return new SubnetPool({
      pool,
      prefix: Math.max(length, Math.min(prefix ?? SHARED_PREFIX, SHARED_PREFIX)),
    });
  }

  /** How many networks the pool has room for. */
  get size(): number {
    return (this.#pool.last - this.#pool.first + 1) / this.#step;
  }

  get #step(): number {
    return 2 ** (32 - this.#prefix);
  }

  /**
   * The free subnets, each once, in random order: many processes take from the pool at the same time.
   *
   * @param taken CIDRs and addresses in use on the host and on the engine.
   * @param random an integer from 0 up to, not including, its argument.
   */
  *free(taken: Iterable<string>, random: (below: number) => number = randomInt): Generator<Subnet> {
    const busy = [...taken].map(readRange).filter((range) => range !== undefined);
    const start = random(this.size);
    // The size is a power of two: any odd stride comes by every subnet once.
    const stride = this.size > 1 ? 2 * random(this.size / 2) + 1 : 1;
    for (let i = 0; i < this.size; i++) {
      const first = this.#pool.first + ((start + i * stride) % this.size) * this.#step;
      const last = first + this.#step - 1;
      if (busy.some((range) => range.first <= last && range.last >= first)) continue;
      yield { cidr: `${format(first)}/${this.#prefix}`, gateway: format(first + 1) };
    }
  }

  /** Why there is none left, with what to do. */
  exhausted(): GatewayError {
    return new GatewayError(
      `the subnet pool ${this.#pool.text} has no free /${this.#prefix}: all overlap networks, addresses or routes of this host; set another pool (--subnet-pool), or remove left-overs with jobgate clean`,
    );
  }
}

/** Whether an address is in a subnet. */
export function contains(cidr: string, address: string): boolean {
  const [range, point] = [readRange(cidr), readRange(address)];
  return range !== undefined && point !== undefined && range.first <= point.first && range.last >= point.last;
}

/**
 * What an address or a network covers, as the kernel or the engine writes it: there may be bits beyond the prefix.
 * Undefined for anything but IPv4, and for a default route, which overlaps nothing.
 */
function readRange(text: string): Range | undefined {
  const [address = '', bits = '32'] = text.split('/');
  const base = parseIp(address);
  if (base === undefined || !isIpv4(base) || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined;
  return Number(bits) === 0 ? undefined : covered(new IpRange(base, Number(bits)));
}

function covered(range: IpRange): Range {
  const first = range
    .network()
    .base.toByteArray()
    .reduce((sum, byte) => sum * 256 + byte, 0);
  return { first, last: first + 2 ** (32 - range.bits) - 1 };
}

function format(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** The next address, for a network's second one. */
export function addressAfter(address: string): string {
  const { first = 0 } = readRange(address) ?? {};
  return format(first + 1);
}

/** `10.213.4.12/30` of `10.213.4.8/29`. */
export function upperHalf(cidr: string): string {
  const { first = 0, last = 0 } = readRange(cidr) ?? {};
  return `${format(first + (last - first + 1) / 2)}/${Number(cidr.split('/')[1]) + 1}`;
}

/** The first and the last address of the upper part of a subnet, whose last one is its broadcast address. */
export function addressesOf(upper: string): { first: string; last: string } {
  const { first = 0, last = 0 } = readRange(upper) ?? {};
  return { first: format(first), last: format(last - 1) };
}

/** CIDRs of all addresses that a client on the network may have: the subnet without the gateway's address. */
export function clientRanges({ cidr, gateway }: Subnet): string[] {
  const ranges: string[] = [];
  let [base = '', length = 0] = cidr.split('/').map((part, i) => (i ? Number(part) : part)) as [
    string,
    number,
  ];
  // Halve it down to the gateway, keeping each time the half that is without it.
  while (length < 32) {
    length++;
    const lower = `${base}/${length}`;
    const upperBase = format((readRange(lower)?.last ?? 0) + 1);
    if (contains(lower, gateway)) {
      ranges.push(`${upperBase}/${length}`);
    } else {
      ranges.push(lower);
      base = upperBase;
    }
  }
  return ranges;
}
