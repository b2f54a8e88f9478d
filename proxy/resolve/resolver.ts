import type { CanonicalHost } from '../policy/authority.js';
import type { DnsChoice } from '../policy/dns-flags.js';
import { DEFAULT_LIMITS } from '../policy/policy.js';
import { abortable, withDeadline } from '../util/abort.js';
import { type Clock, systemClock } from '../util/clock.js';
import { DnsCache } from './cache.js';
import { caresLookup } from './cares.js';
import type { Lookup, ResolvedAddress } from './lookup.js';
import { ResolveError } from './resolve-error.js';
import { systemLookup } from './system.js';

export interface Resolver {
  /**
   * All addresses of a name, at least one, from one look-up: both families, IPv6 first. IP literals are not for it.
   * Rejects with `ResolveError`, or with the signal's reason. The signal is only looked at where the answer is not known.
   */
  resolve(
    host: CanonicalHost,
    cancel?: { readonly signal: AbortSignal },
  ): Promise<readonly ResolvedAddress[]>;
  /** The answer where it is known: nobody is asked. */
  known(host: CanonicalHost): readonly ResolvedAddress[] | undefined;
  /** Ends look-ups under way (they reject with `dns-failed`) and forgets every answer. */
  close(): void;
}

export interface ResolverOptions {
  /** Who is asked. Default: the servers of /etc/resolv.conf. */
  readonly dns?: DnsChoice;
  /** Answers of the operator, `[name, address]`; several addresses for a name add up. They come before any look-up. */
  readonly addHosts?: readonly (readonly [name: string, address: string])[];
  /** Time for a look-up, ms. Default 5,000. */
  readonly timeoutMs?: number;
  /** Look-ups at once; equal ones under way count once, answers from the cache not at all. Default 32. */
  readonly maxLookups?: number;
  /** Answers kept at most. Default 1,000. */
  readonly maxCached?: number;
  /** Of the cache. Default the process's. */
  readonly clock?: Clock;
}

/** An answer that lacks a family is asked for again after this many seconds. */
const INCOMPLETE_TTL = 10;
/**
 * Addresses in an answer, of both families. No site has as many; each is judged, perhaps dialled, and kept, and a name of
 * the job's own could have 4,000.
 */
const MAX_ADDRESSES = 64;
/** TTL of the operator's own answers, seconds. */
const STATIC_TTL = 3600;

/** A resolver for one job: nothing of it is shared with another's. */
export function createResolver(options: ResolverOptions = {}): Resolver {
  const { dns = { kind: 'default' }, timeoutMs = DEFAULT_LIMITS.dnsTimeoutMs, clock = systemClock } = options;
  const lookup =
    dns.kind === 'system'
      ? systemLookup()
      : caresLookup({ timeoutMs, ...(dns.kind === 'server' && { servers: [dns.text] }) });
  return new CachingResolver(lookup, {
    timeoutMs,
    addHosts: options.addHosts ?? [],
    maxLookups: options.maxLookups ?? DEFAULT_LIMITS.lookups,
    cache: new DnsCache(clock, options.maxCached ?? 1000),
  });
}

interface Settings {
  readonly timeoutMs: number;
  readonly addHosts: readonly (readonly [name: string, address: string])[];
  readonly maxLookups: number;
  readonly cache: DnsCache;
}

/** A look-up under way and those who wait for it; without them it ends. */
interface Flight {
  readonly answer: Promise<readonly ResolvedAddress[]>;
  readonly stop: AbortController;
  waiters: number;
}

class CachingResolver implements Resolver {
  readonly #flights = new Map<CanonicalHost, Flight>();
  readonly #statics = new Map<string, ResolvedAddress[]>();
  #closed = false;

  constructor(
    private readonly lookup: Lookup,
    private readonly settings: Settings,
  ) {
    for (const [name, address] of settings.addHosts) {
      const known = this.#statics.get(name) ?? [];
      known.push({ address, family: address.includes(':') ? 6 : 4, ttl: STATIC_TTL });
      this.#statics.set(name, known);
    }
  }

  async resolve(
    host: CanonicalHost,
    cancel?: { readonly signal: AbortSignal },
  ): Promise<readonly ResolvedAddress[]> {
    if (this.#closed) throw new ResolveError('dns-failed', host, 'closed');
    const known = this.known(host);
    if (known !== undefined) return known;
    const signal = cancel?.signal;
    signal?.throwIfAborted();
    const flight = this.#flights.get(host) ?? this.#start(host);
    flight.waiters += 1;
    try {
      return await abortable(flight.answer, signal);
    } finally {
      flight.waiters -= 1;
      if (flight.waiters === 0) this.#end(host, flight);
    }
  }

  known(host: CanonicalHost): readonly ResolvedAddress[] | undefined {
    return this.#closed ? undefined : (this.#statics.get(host) ?? this.settings.cache.get(host));
  }

  close(): void {
    this.#closed = true;
    for (const [host, flight] of this.#flights) {
      flight.stop.abort(new ResolveError('dns-failed', host, 'closed'));
    }
    this.settings.cache.clear();
  }

  #start(host: CanonicalHost): Flight {
    if (this.#flights.size >= this.settings.maxLookups) throw new ResolveError('too-many-lookups', host);
    const stop = new AbortController();
    const flight: Flight = { answer: this.#look(host, stop.signal), stop, waiters: 0 };
    flight.answer.catch(() => {});
    this.#flights.set(host, flight);
    return flight;
  }

  #end(host: CanonicalHost, flight: Flight): void {
    if (this.#flights.get(host) === flight) this.#flights.delete(host);
    flight.stop.abort(new ResolveError('dns-failed', host, 'nobody waits'));
  }

  async #look(host: CanonicalHost, signal: AbortSignal): Promise<readonly ResolvedAddress[]> {
    const late = () => new ResolveError('dns-timeout', host);
    const { addresses, complete } = await withDeadline(this.settings.timeoutMs, [signal], late, (inner) =>
      abortable(this.lookup(host, inner), inner),
    );
    if (addresses.length > MAX_ADDRESSES)
      throw new ResolveError('dns-failed', host, `${addresses.length} addresses`);
    if (!this.#closed) this.settings.cache.set(host, addresses, complete ? undefined : INCOMPLETE_TTL);
    return addresses;
  }
}
