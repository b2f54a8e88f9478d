import { parse } from 'tldts';
import type { DenialReason } from '../../proxy/policy/denials.js';
import { targetText } from './decision-text.js';

/** Equal refusals, counted. */
export interface DenialRow {
  readonly host: string;
  readonly port: number;
  readonly reason: DenialReason;
  readonly count: number;
  /** What would allow it, for the person who runs the job. */
  readonly remedy: string;
}

/** From so many hosts on they are folded: those that share a domain, and what a browser asks for by itself. */
const CROWD = 4;
/** Where Chromium and Firefox look for updates, accounts and lists, whatever page they are told to show. */
const OF_BROWSERS: ReadonlySet<string> = new Set([
  ...['google.com', 'googleapis.com', 'gstatic.com', 'gvt1.com'],
  ...['mozilla.com', 'mozilla.net', 'mozilla.org', 'firefox.com'],
]);
/** Domains that are folded at most. */
const MAX_DOMAINS = 5;

/** Lines for a person; empty where nothing was refused. */
export function denialText(rows: readonly DenialRow[]): string {
  if (rows.length === 0) return '';
  const { folded, shown } = fold(rows);
  const width = Math.max(...shown.map((row) => targetText(row).length));
  const lines = shown.map((row) => {
    const times = row.count === 1 ? 'once' : `${row.count} times`;
    return `  ${targetText(row).padEnd(width)}  ${times}, ${row.reason}: ${row.remedy}`;
  });
  return `jobgate refused:\n${[...lines, ...crowd(folded, shown.length > 0)].join('\n')}\n`;
}

/** Hosts by the domain that they are of. */
type Folded = ReadonlyMap<string, ReadonlySet<string>>;

function fold(rows: readonly DenialRow[]): { folded: Folded; shown: readonly DenialRow[] } {
  const hosts = new Map<string, Set<string>>();
  for (const row of rows) {
    const domain = domainOf(row);
    if (domain !== undefined) hosts.set(domain, (hosts.get(domain) ?? new Set()).add(row.host));
  }
  const many = [...hosts].filter(([domain, set]) => set.size > 1 || OF_BROWSERS.has(domain));
  const shared = many.sort(([, a], [, b]) => b.size - a.size);
  const folded = new Map(shared.slice(0, MAX_DOMAINS));
  if (count(folded) < CROWD) return { folded: new Map(), shown: rows };
  return { folded, shown: rows.filter((row) => !folded.has(domainOf(row) ?? '')) };
}

/** The one that was registered. */
function domainOf({ host, port, reason }: DenialRow): string | undefined {
  if (reason !== 'domain-not-allowed' || ![0, 80, 443].includes(port)) return undefined;
  return parse(host, NAME).domain ?? undefined;
}

const NAME = { extractHostname: false, validateHostname: false };

/** One entry for all names of a domain, unless anyone can have a name there (github.io, googleapis.com). */
function entries([domain, hosts]: readonly [string, ReadonlySet<string>]): string[] {
  if (hosts.size === 1) return [...hosts];
  const { publicSuffix } = parse(domain, { ...NAME, allowPrivateDomains: true });
  return publicSuffix === domain ? [...hosts] : [`.${domain}`];
}

function crowd(folded: Folded, others: boolean): string[] {
  const domains = [...folded.keys()];
  if (domains.length === 0) return [];
  const flags = [...folded]
    .flatMap(entries)
    .map((entry) => `--domain ${entry}`)
    .join(' ');
  const which = `${count(folded)} ${others ? 'others ' : ''}of ${domains.join(', ')}`;
  return [`  ${others ? 'and ' : ''}${which}, domain-not-allowed: to allow them all: ${flags}`];
}

function count(folded: Folded): number {
  return [...folded.values()].reduce((sum, { size }) => sum + size, 0);
}
