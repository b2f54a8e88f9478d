import type { Clock } from '../util/clock.js';
import type { ResolvedAddress } from './lookup.js';

/** Longest time an answer is kept whatever its TTL says, seconds. */
const MAX_TTL = 300;
/** An answer with more addresses is not worth its memory. */
const MAX_ADDRESSES = 64;

interface Entry {
  readonly addresses: readonly ResolvedAddress[];
  /** On the clock, ms. From then on the entry is never served again. */
  readonly expires: number;
}

/**
 * Positive answers, whole, each until the lowest of its TTLs has passed and not a moment longer. Negative ones and those
 * with TTL 0 are not kept. When it is full the answer that was kept longest goes.
 */
export class DnsCache {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly clock: Clock,
    private readonly maxEntries: number,
  ) {}

  /** The answer with what is left of its TTL. */
  get(host: string): readonly ResolvedAddress[] | undefined {
    const entry = this.#entries.get(host);
    if (entry === undefined) return undefined;
    const left = entry.expires - this.clock.now();
    if (left > 0) return entry.addresses.map((one) => ({ ...one, ttl: Math.floor(left / 1000) }));
    this.#entries.delete(host);
    return undefined;
  }

  /** `maxTtl` in seconds shortens the usual bound. */
  set(host: string, addresses: readonly ResolvedAddress[], maxTtl = MAX_TTL): void {
    this.#entries.delete(host);
    const ttl = Math.min(maxTtl, MAX_TTL, ...addresses.map((one) => one.ttl));
    if (ttl <= 0 || addresses.length === 0 || addresses.length > MAX_ADDRESSES) return;
    if (this.#entries.size >= this.maxEntries) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(host, { addresses, expires: this.clock.now() + ttl * 1000 });
  }

  clear(): void {
    this.#entries.clear();
  }
}
