import { promises as dns } from 'node:dns';
import type { CanonicalHost } from '../policy/authority.js';
import { RaceError, race } from '../util/race.js';
import type { Answer, Lookup, ResolvedAddress } from './lookup.js';
import { ResolveError } from './resolve-error.js';

/** Queries per look-up and family at most, over all servers: a lost datagram costs a stagger, not the look-up. */
const ATTEMPTS = 4;
/** Codes that say something about the name; all others say something about the server. */
const NEGATIVE = new Set(['ENOTFOUND', 'ENODATA']);

type Family = 4 | 6;
type Outcome =
  | { readonly family: Family; readonly addresses: readonly ResolvedAddress[]; readonly negative?: string }
  | { readonly family: Family; readonly error: unknown };

/**
 * Look-ups of absolute names by c-ares, which reads neither /etc/hosts nor the search list. CNAMEs are followed by the
 * servers; all final addresses of both families are returned. Without `servers` those of /etc/resolv.conf are read anew
 * for every look-up, so that a change applies at once.
 *
 * Every attempt has a channel of its own, for 0.1 ms. A shared one learns from quick answers to give up on a slow
 * name after 250 ms, drops answers that come after a retry, does not go to the next server after SERVFAIL, and can only
 * cancel everything at once.
 */
export function caresLookup(options: { servers?: readonly string[]; timeoutMs: number }): Lookup {
  const staggerMs = options.timeoutMs / ATTEMPTS;
  // The server that answered when the one before it did not is asked first from then on.
  let preferred: string | undefined;

  async function query(
    host: CanonicalHost,
    family: Family,
    server: string,
    signal: AbortSignal,
  ): Promise<Outcome> {
    signal.throwIfAborted();
    // One try: its time is bounded by the race, which also repeats it.
    const channel = new dns.Resolver({ timeout: options.timeoutMs, tries: 1 });
    channel.setServers([server]);
    const cancel = () => channel.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const records =
        family === 4
          ? await channel.resolve4(host, { ttl: true })
          : await channel.resolve6(host, { ttl: true });
      return { family, addresses: records.map(({ address, ttl }) => ({ address, family, ttl })) };
    } catch (error) {
      const code = codeOf(error);
      if (code !== undefined && NEGATIVE.has(code)) return { family, addresses: [], negative: code };
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async function ask(host: CanonicalHost, family: Family, signal: AbortSignal): Promise<Outcome> {
    const servers = options.servers ?? new dns.Resolver().getServers();
    const order = preferred !== undefined && servers.includes(preferred) ? [preferred] : [];
    order.push(...servers.filter((server) => server !== preferred));
    const attempts = Array.from(
      { length: Math.max(ATTEMPTS, order.length) },
      (_, i) => order[i % order.length],
    );
    // A server that refused is not asked again for this name.
    const refusals = new Map<string, unknown>();
    const attempt = async (server: string, stop: AbortSignal) => {
      if (refusals.has(server)) throw refusals.get(server);
      try {
        const outcome = await query(host, family, server, stop);
        if (server !== order[0]) preferred = server;
        return outcome;
      } catch (error) {
        refusals.set(server, error);
        throw error;
      }
    };
    try {
      return await race(order.length === 0 ? [] : (attempts as string[]), attempt, { staggerMs, signal });
    } catch (error) {
      return { family, error };
    }
  }

  return async (host, signal) => {
    const done = new AbortController();
    const stop = () => done.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    let grace: NodeJS.Timeout | undefined;
    try {
      const both = [ask(host, 6, done.signal), ask(host, 4, done.signal)];
      const first = await Promise.race(both);
      if ('addresses' in first && first.addresses.length > 0) {
        // The answer is there: a family that stays silent must not cost the whole time.
        grace = setTimeout(() => done.abort(new ResolveError('dns-timeout', host)), staggerMs);
      }
      const outcomes = await Promise.all(both);
      signal.throwIfAborted();
      return answer(host, outcomes);
    } finally {
      clearTimeout(grace);
      signal.removeEventListener('abort', stop);
    }
  };
}

function answer(host: CanonicalHost, outcomes: readonly Outcome[]): Answer {
  const addresses = outcomes.flatMap((one) => ('addresses' in one ? one.addresses : []));
  const failures = outcomes.flatMap((one) => ('error' in one ? [one.error] : []));
  if (addresses.length > 0) return { addresses, complete: failures.length === 0 };
  // NXDOMAIN is about the name, whatever the other family's query met (RFC 8020).
  const gone = outcomes.some((one) => 'negative' in one && one.negative === 'ENOTFOUND');
  if (failures.length === 0 || gone) throw new ResolveError('name-not-found', host);
  throw asResolveError(host, failures[0]);
}

function asResolveError(host: CanonicalHost, failure: unknown): ResolveError {
  if (failure instanceof ResolveError) return failure;
  const error = failure instanceof RaceError ? failure.errors.at(-1) : failure;
  const code = codeOf(error) ?? 'no name servers';
  return new ResolveError(code === 'ETIMEOUT' ? 'dns-timeout' : 'dns-failed', host, code);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
