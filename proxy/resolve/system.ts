import type { LookupAddress } from 'node:dns';
import { promises as dns } from 'node:dns';
import type { CanonicalHost } from '../policy/authority.js';
import { abortable } from '../util/abort.js';
import type { Answer, Lookup } from './lookup.js';
import { ResolveError } from './resolve-error.js';

/**
 * getaddrinfo runs on the threads of libuv's pool, which files use too, and cannot be cancelled: names that never get an
 * answer hold theirs for half a minute. A job gets two, and all together leave some to files; look-ups beyond wait for their
 * turn, within their time.
 */
const THREADS_OF_JOB = 2;
/** Of libuv's pool: a worker is started with more than libuv's own four (worker-command.ts). */
const THREADS = Math.max(2, Number(process.env.UV_THREADPOOL_SIZE ?? 4) - 2);

/** First come, first served. As a job has no more than two places, its names don't push out those of others. */
class Turns {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(free: number) {
    this.#free = free;
  }

  async take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    let go: () => void = () => {};
    const granted = new Promise<void>((resolve) => {
      go = resolve;
    });
    this.#waiting.add(go);
    try {
      await abortable(granted, signal);
    } catch (reason) {
      // Granted in the very moment of the abort: the turn goes on to the next.
      if (!this.#waiting.delete(go)) this.release();
      throw reason;
    }
  }

  release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

const all = new Turns(THREADS);

/**
 * Look-ups by getaddrinfo, for one job: /etc/hosts, NSS, whatever the system does, the search list of /etc/resolv.conf
 * included (a trailing dot would keep it out, and /etc/hosts as well). No TTL, so no cache.
 */
export function systemLookup(lookup: typeof dns.lookup = dns.lookup): Lookup {
  const own = new Turns(THREADS_OF_JOB);

  async function inTurn(host: CanonicalHost, signal: AbortSignal): Promise<readonly LookupAddress[]> {
    await own.take(signal);
    try {
      await all.take(signal);
    } catch (reason) {
      own.release();
      throw reason;
    }
    const found = lookup(host, { all: true, verbatim: true });
    // Not before the thread is free again, whether or not anyone still waits for the answer.
    const release = () => {
      all.release();
      own.release();
    };
    found.then(release, release);
    return abortable(found, signal);
  }

  return async (host, signal) => {
    try {
      const addresses = await inTurn(host, signal);
      if (addresses.length === 0) throw new ResolveError('name-not-found', host);
      return { addresses: addresses.map(({ address, family }) => one(address, family)), complete: true };
    } catch (error) {
      signal.throwIfAborted();
      throw asResolveError(host, error);
    }
  };
}

function one(address: string, family: number): Answer['addresses'][number] {
  return { address, family: family === 6 ? 6 : 4, ttl: 0 };
}

function asResolveError(host: CanonicalHost, error: unknown): ResolveError {
  if (error instanceof ResolveError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const missing = code === 'ENOTFOUND' || code === 'ENODATA';
  return new ResolveError(missing ? 'name-not-found' : 'dns-failed', host, missing ? undefined : code);
}
