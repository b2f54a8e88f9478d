import { randomInt } from 'node:crypto';
import { GatewayError } from '../engine/errors.js';

export interface SubnetPoolOptions {
  /** IPv4 range that the networks' subnets are taken from. Default `10.213.0.0/16`. */
  readonly pool?: string;
  /** Prefix length of one subnet, 16–29. Default 29: 8192 networks of six addresses. */
  readonly prefix?: number;
}

export const DEFAULT_SUBNET_POOL = { pool: '10.213.0.0/16', prefix: 29 } as const;

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
    const range = text.includes('/') ? parseCidr(text) : undefined;
    if (!range) {
      throw new GatewayError(
        `subnet pool ${JSON.stringify(text)} is not an IPv4 range: write it as ${DEFAULT_SUBNET_POOL.pool}`,
      );
    }
    const length = Number(text.split('/')[1]);
    if (!(this.#prefix >= 16 && this.#prefix <= 29) || this.#prefix < length) {
      throw new GatewayError(
        `subnet pool ${text} cannot be cut into /${this.#prefix}: the prefix is 16 to 29, and not shorter than the pool's own`,
      );
    }
    this.#pool = { ...range, text };
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
    const busy = [...taken].map(parseCidr).filter((range) => range !== undefined);
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
  const [range, point] = [parseCidr(cidr), parseCidr(address)];
  return range !== undefined && point !== undefined && range.first <= point.first && range.last >= point.last;
}

/** A range or an address; undefined for anything else, and for a default route, which overlaps nothing. */
function parseCidr(text: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (!match) return undefined;
  const bytes = match.slice(1, 5).map(Number);
  const length = Number(match[5] ?? 32);
  if (bytes.some((byte) => byte > 255) || length > 32 || length === 0) return undefined;
  const size = 2 ** (32 - length);
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const first = address - (address % size);
  return { first, last: first + size - 1 };
}

function format(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** The next address, for a network's second one. */
export function addressAfter(address: string): string {
  const { first = 0 } = parseCidr(address) ?? {};
  return format(first + 1);
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
    const upperBase = format((parseCidr(lower)?.last ?? 0) + 1);
    if (contains(lower, gateway)) {
      ranges.push(`${upperBase}/${length}`);
    } else {
      ranges.push(lower);
      base = upperBase;
    }
  }
  return ranges;
}
