import { parse as parseSuffix } from 'tldts';
import type { CanonicalHost, Parsed } from './authority.js';
import { entryText, type HostEntry, invalidEntry, parseHostEntry } from './entry.js';
import { HostTable } from './host-table.js';
import { PolicyError } from './policy-error.js';

/** What a job may reach, or what a node's operator lets jobs declare. Only `parseEntry` makes it. */
export type AllowEntry = HostEntry;

export interface AllowlistOptions {
  /** Ports below 1024, beside 80 and 443, that an entry may add. Default: none. */
  readonly allowPorts?: readonly number[];
}

/** A tunnel for TLS goes to 443 and 80; an entry's `:port` adds to that. */
export function isConnectPort(port: number): boolean {
  return port === 443 || port === 80;
}

/** A plain HTTP request goes to 80 and 1025–65535; an entry's `:port` adds to that. */
export function isPlainHttpPort(port: number): boolean {
  return port === 80 || (port >= 1025 && port <= 65535);
}

/**
 * Reads one entry: `example.com` (that name only), `.example.com` (and every name below it) or an IP address, each
 * with or without `:port`. The problem is one line that names the entry and says what to write instead; the warning,
 * on an entry that is valid, likewise.
 */
export function parseEntry(
  text: string,
  options: AllowlistOptions = {},
): Parsed<AllowEntry> & { readonly warning?: string } {
  const parsed = parseHostEntry(text);
  if (!parsed.ok) return parsed;
  const entry = parsed.value;
  const problem = portProblem(entry, options.allowPorts ?? []) ?? nameProblem(entry);
  if (problem !== undefined) return invalidEntry(text, problem);
  const warning = suffixWarning(entry);
  return warning === undefined ? parsed : { ...parsed, warning };
}

/** Entries that are not valid. The message is one line and names the first of them. */
export class AllowlistError extends PolicyError {
  override readonly name = 'AllowlistError';
  override readonly code = 'JOBGATE_ALLOWLIST';

  constructor(
    /** One line for each entry that is not valid. */
    readonly problems: readonly string[],
  ) {
    const shown = problems.slice(0, 5).join('; ');
    super(problems.length > 5 ? `${shown}; and ${problems.length - 5} more` : shown);
  }
}

/** The domains of a job, or of a node. Immutable. An empty one allows nothing. */
export class Allowlist {
  /** The entries that are left when each that another one contains is dropped; in the order given. */
  readonly entries: readonly AllowEntry[];
  /** What was dropped, as it was written, and the entry that contains it. */
  readonly collapsed: readonly { readonly entry: string; readonly into: string }[];
  readonly warnings: readonly string[];
  readonly #table = new HostTable();

  private constructor(
    entries: readonly { readonly text: string; readonly entry: AllowEntry }[],
    warnings: string[],
  ) {
    for (const { entry } of entries) this.#table.add(entry);
    const kept = new Map<string, AllowEntry>();
    const collapsed: { entry: string; into: string }[] = [];
    for (const { text, entry } of entries) {
      const into = widest(entry, this.#table) ?? (kept.has(entry.text) ? entry.text : undefined);
      if (into === undefined) kept.set(entry.text, entry);
      else collapsed.push({ entry: text, into });
    }
    this.entries = [...kept.values()];
    this.collapsed = collapsed;
    this.warnings = warnings;
  }

  /** @throws AllowlistError with the problem of every entry that is not valid. */
  static parse(texts: readonly string[], options: AllowlistOptions = {}): Allowlist {
    const entries: { text: string; entry: AllowEntry }[] = [];
    const problems: string[] = [];
    const warnings: string[] = [];
    for (const text of texts) {
      const parsed = parseEntry(text, options);
      if (!parsed.ok) problems.push(parsed.problem);
      else entries.push({ text: text.trim(), entry: parsed.value });
      if (parsed.warning !== undefined) warnings.push(parsed.warning);
    }
    if (problems.length > 0) throw new AllowlistError(problems);
    return new Allowlist(entries, warnings);
  }

  /** `defaultPorts` is `isConnectPort`, `isPlainHttpPort`, or both. */
  match(
    host: CanonicalHost,
    port: number,
    defaultPorts: (port: number) => boolean,
  ): 'allowed' | 'domain-not-allowed' | 'port-not-allowed' {
    const sets = this.#table.containing(host);
    if (sets.length === 0) return 'domain-not-allowed';
    return defaultPorts(port) || sets.some(({ ports }) => ports.has(port)) ? 'allowed' : 'port-not-allowed';
  }

  /**
   * Whether all that the entry stands for is within this list (a node's): `.x.com` only within `.x.com` or a wider
   * dot entry, and an entry with a port only within one with that port.
   */
  covers(entry: AllowEntry): boolean {
    const sets = entry.subdomains
      ? this.#table.above(entry.host).map(({ set }) => set)
      : this.#table.containing(entry.host);
    const { port } = entry;
    return port === undefined ? sets.length > 0 : sets.some(({ ports }) => ports.has(port));
  }
}

/**
 * The widest other entry that contains this one, with all its ports; undefined where there is none. What it answers
 * is itself in no wider entry: an entry with a port contains the same without, never the other way round.
 */
function widest(entry: AllowEntry, table: HostTable): string | undefined {
  const { host, kind, subdomains, port } = entry;
  for (const { name, set } of table.above(host).reverse()) {
    const below = { host: name as CanonicalHost, kind, subdomains: true };
    if (subdomains && name === host) break; // the sets of its own level come last
    if (port !== undefined && set.ports.has(port)) return entryText({ ...below, port });
    if (port === undefined) return entryText({ ...below, ...firstPort(set.ports) });
  }
  if (port !== undefined) return undefined;
  const own = subdomains ? table.above(host).find(({ name }) => name === host)?.set : table.exact(host);
  return own !== undefined && own.ports.size > 0
    ? entryText({ host, kind, subdomains, ...firstPort(own.ports) })
    : undefined;
}

function firstPort(ports: ReadonlySet<number>): { port?: number } {
  const [port] = ports;
  return port === undefined ? {} : { port };
}

function portProblem({ port }: AllowEntry, allowPorts: readonly number[]): string | undefined {
  if (port === undefined || port >= 1024 || port === 80 || port === 443 || allowPorts.includes(port))
    return undefined;
  return `port ${port} is below 1024, where only 80 and 443 can be added unless the operator says --allow-port ${port}`;
}

function nameProblem({ host, kind, subdomains }: AllowEntry): string | undefined {
  if (kind !== 'name') return undefined;
  if (subdomains && isIcannSuffix(host)) {
    return `.${host} is a public suffix, it would allow every site under it; name the sites`;
  }
  return host.includes('.') ? undefined : 'a name has at least two labels, such as example.com';
}

function suffixWarning({ host, kind, subdomains, text }: AllowEntry): string | undefined {
  if (kind !== 'name') return undefined;
  const { publicSuffix, isPrivate } = suffixOf(host);
  if (publicSuffix !== host || !host.includes('.')) return undefined;
  if (!subdomains) return `${text} is a public suffix: the entry allows this name only, no site under it`;
  return isPrivate ? `${text} is shared by many owners: anyone can have a site under it` : undefined;
}

function isIcannSuffix(host: string): boolean {
  const { publicSuffix, isIcann } = suffixOf(host);
  return isIcann === true && publicSuffix === host;
}

/** The host is canonical: tldts is not to look for one in it again. */
function suffixOf(host: string) {
  return parseSuffix(host, {
    allowPrivateDomains: true,
    detectIp: false,
    extractHostname: false,
    validateHostname: false,
  });
}
