import { promises as dns } from 'node:dns';
import type { CanonicalHost } from '../policy/authority.js';
import { abortable } from '../util/abort.js';
import type { Answer, Lookup } from './lookup.js';
import { ResolveError } from './resolve-error.js';

/**
 * getaddrinfo runs on libuv's pool of four threads, which files use too, and cannot be cancelled: one job gets half of
 * them. Look-ups beyond wait for a turn within their time.
 */
const THREADS = 2;

/**
 * Look-ups by getaddrinfo: /etc/hosts, NSS, whatever the system does, the search list of /etc/resolv.conf included (a
 * trailing dot would keep it out, and /etc/hosts as well). No TTL, so no cache.
 */
export function systemLookup(lookup: typeof dns.lookup = dns.lookup): Lookup {
  let running = 0;
  const waiting = new Set<() => void>();

  async function turn(signal: AbortSignal): Promise<void> {
    if (running < THREADS) {
      running += 1;
      return;
    }
    let go: () => void = () => {};
    const granted = new Promise<void>((resolve) => {
      go = resolve;
    });
    waiting.add(go);
    try {
      await abortable(granted, signal);
    } catch (reason) {
      // Granted in the very moment of the abort: the turn goes on to the next.
      if (!waiting.delete(go)) release();
      throw reason;
    }
  }

  function release(): void {
    const [next] = waiting;
    if (next === undefined) {
      running -= 1;
      return;
    }
    waiting.delete(next);
    next();
  }

  return async (host, signal) => {
    await turn(signal);
    const found = lookup(host, { all: true, verbatim: true });
    // Not before the thread is free again, whether or not anyone still waits for the answer.
    found.then(release, release);
    try {
      const addresses = await abortable(found, signal);
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
