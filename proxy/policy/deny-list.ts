import type { CanonicalHost } from './authority.js';
import { type HostEntry, parseHostEntry } from './entry.js';
import { HostTable } from './host-table.js';
import { formatIp, parseIp, unmapped } from './ip.js';
import { PolicyError } from './policy-error.js';

/** Entries that are not valid. The message is one line. */
export class DenyListError extends PolicyError {
  override readonly name = 'DenyListError';
  override readonly code = 'JOBGATE_DENY_LIST';

  constructor(
    /** One line for each entry that is not valid. */
    readonly problems: readonly string[],
  ) {
    super(problems.join('; '));
  }
}

/**
 * What the operator denies: `HOST` on all ports, `HOST:PORT` on that one, `.NAME` with all names below it. Wider than
 * an allowlist can be: names of one label, public suffixes and any address are valid.
 */
export class DenyList {
  readonly entries: readonly HostEntry[];
  readonly #table = new HostTable();

  private constructor(entries: readonly HostEntry[]) {
    this.entries = entries;
    for (const entry of entries) this.#table.add({ ...entry, host: withoutMapping(entry.host) });
  }

  /** @throws DenyListError with the problem of every entry that is not valid. */
  static parse(texts: readonly string[]): DenyList {
    const parsed = texts.map(parseHostEntry);
    const problems = parsed.flatMap((entry) => (entry.ok ? [] : [entry.problem]));
    if (problems.length > 0) throw new DenyListError(problems);
    return new DenyList(parsed.flatMap((entry) => (entry.ok ? [entry.value] : [])));
  }

  /** Whether a name or an address is denied on a port. An IPv4-mapped address is judged as the IPv4 address. */
  match(host: CanonicalHost, port: number): boolean {
    return this.#table.containing(withoutMapping(host)).some(({ bare, ports }) => bare || ports.has(port));
  }
}

function withoutMapping(host: CanonicalHost): CanonicalHost {
  if (!host.startsWith('::ffff:')) return host;
  const ip = parseIp(host);
  return ip === undefined ? host : (formatIp(unmapped(ip)) as CanonicalHost);
}
