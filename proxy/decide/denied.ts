import { setMaxListeners } from 'node:events';
import type { CanonicalHost } from '../policy/authority.js';
import type { DenyList } from '../policy/deny-list.js';
import { formatIp, parseIp, unmapped } from '../policy/ip.js';
import type { Logger } from '../policy/logger.js';
import type { Resolver } from '../resolve/resolver.js';
import { type Clock, systemClock } from '../util/clock.js';

interface DeniedOptions {
  /** For the names of the list only, so that no job can exhaust it. Null: names are not resolved here. */
  readonly resolver: Resolver | null;
  /** Called whenever something may be denied that was not. */
  readonly onChange: () => void;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Bounds of the time until a name is looked up again, ms. */
const MIN_REFRESH_MS = 5_000;
const MAX_REFRESH_MS = 3_600_000;
const RETRY_MS = 5_000;
/** Names that fail within so long are told of at once, ms. */
const SAY_MS = 10_000;
/** Of them so many are named. */
const EXAMPLES = 3;

/** A denied name, and what it resolves to. */
interface Watched {
  readonly host: CanonicalHost;
  /** Undefined: all ports. */
  readonly port: number | undefined;
  addresses: ReadonlySet<string>;
  failed: boolean;
  timer: unknown;
}

/**
 * What the operator denies, by name and by the addresses that the names resolve to: a job cannot reach a denied
 * host by its address or under another name. Names are looked up again by their TTL; a failure keeps the last answer.
 */
export class Denied {
  readonly #resolver: Resolver | null;
  readonly #onChange: () => void;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #list: DenyList;
  #watched: Watched[] = [];
  #pending: Promise<unknown> | undefined;
  /** Names that do not resolve, of which nothing was said yet. */
  readonly #unsaid: { readonly host: string; readonly error: string }[] = [];
  #sayTimer: unknown;

  /** Nothing is looked up before `watch`. */
  constructor(list: DenyList, { resolver, onChange, logger, clock = systemClock }: DeniedOptions) {
    this.#list = list;
    // As many listeners as names.
    setMaxListeners(0, this.#stop.signal);
    this.#resolver = resolver;
    this.#onChange = onChange;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Looks up the names of a list, which replaces the one before. */
  watch(list: DenyList = this.#list): void {
    const before = this.#watched;
    for (const { timer } of before) this.#clock.clearTimeout(timer);
    this.#list = list;
    this.#watched = list.entries
      .filter(({ kind }) => kind === 'name' && this.#resolver !== null)
      .map(({ host, port }) => {
        const known = before.find((watched) => watched.host === host && watched.port === port);
        return { host, port, addresses: known?.addresses ?? new Set(), failed: false, timer: undefined };
      });
    const pending = Promise.all(this.#watched.map((watched) => this.#look(watched))).then(() => {
      if (this.#pending !== pending) return;
      this.#pending = undefined;
      this.#say();
    });
    this.#pending = this.#watched.length > 0 ? pending : undefined;
    this.#onChange();
  }

  /** Settles once every name was asked for once; undefined where all were. Never rejects. */
  ready(): Promise<unknown> | undefined {
    return this.#pending;
  }

  /** Whether nothing is denied. */
  get isEmpty(): boolean {
    return this.#list.entries.length === 0;
  }

  /** Whether a target is denied as it was asked for. */
  match(host: CanonicalHost, port: number): boolean {
    return !this.isEmpty && this.#list.match(host, port);
  }

  /** Whether an address (canonical) is denied: itself, or because a denied name resolves to it. */
  matchAddress(address: string, port: number): boolean {
    if (this.isEmpty) return false;
    if (this.#list.match(address as CanonicalHost, port)) return true;
    return this.#watched.some(
      (watched) => (watched.port === undefined || watched.port === port) && watched.addresses.has(address),
    );
  }

  close(): void {
    this.#stop.abort();
    this.#say();
    for (const { timer } of this.#watched) this.#clock.clearTimeout(timer);
    this.#watched = [];
    this.#resolver?.close();
  }

  async #look(watched: Watched): Promise<void> {
    let after = RETRY_MS;
    try {
      const answer = (await this.#resolver?.resolve(watched.host, this.#stop)) ?? [];
      const ttl = Math.min(...answer.map((one) => one.ttl)) * 1000;
      after = Math.min(Math.max(ttl, MIN_REFRESH_MS), MAX_REFRESH_MS);
      watched.failed = false;
      this.#learn(watched, new Set(answer.map(({ address }) => canonical(address))));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      // Said once per failure: the name itself stays denied, and so do the addresses that are known.
      if (!watched.failed) this.#failed(watched.host, error);
      watched.failed = true;
    }
    if (!this.#watched.includes(watched)) return;
    watched.timer = this.#clock.setTimeout(() => void this.#look(watched), after);
    (watched.timer as Partial<NodeJS.Timeout>).unref?.();
  }

  /** Thousands may fail at once: they are one line, at the end of the first round or a while later. */
  #failed(host: string, error: unknown): void {
    this.#unsaid.push({ host, error: String(error) });
    if (this.#pending) return;
    this.#sayTimer ??= this.#clock.setTimeout(() => this.#say(), SAY_MS);
    (this.#sayTimer as Partial<NodeJS.Timeout>).unref?.();
  }

  #say(): void {
    this.#clock.clearTimeout(this.#sayTimer);
    this.#sayTimer = undefined;
    const [first, ...others] = this.#unsaid.splice(0);
    if (!first) return;
    if (others.length === 0) this.#logger.warn(first, 'a denied name does not resolve');
    else {
      const hosts = [first, ...others].slice(0, EXAMPLES).map(({ host }) => host);
      const count = others.length + 1;
      this.#logger.warn(
        { count, hosts: `${hosts.join(', ')}${count > EXAMPLES ? ', …' : ''}`, error: first.error },
        `${count} denied names do not resolve`,
      );
    }
  }

  #learn(watched: Watched, addresses: ReadonlySet<string>): void {
    const news = [...addresses].some((address) => !watched.addresses.has(address));
    watched.addresses = addresses;
    if (news && this.#watched.includes(watched)) this.#onChange();
  }
}

function canonical(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(unmapped(ip));
}
