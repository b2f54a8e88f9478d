import { type Figures, type HostFigures, OTHER_HOST } from '../../../proxy/report/figures.js';
import { registrable } from './registrable.js';

/** Hosts of one domain that were refused. */
interface Domain {
  readonly domain: string;
  hosts: number;
  count: number;
  readonly reasons: Record<string, number>;
}

/** Of one gateway, the most first. */
interface Folded {
  /** Refusals by then. */
  readonly denied: number;
  readonly turn: number;
  readonly domains: readonly Domain[];
}

const MAX_LISTED = 20;
/** So many that are mostly of one gateway: a job that makes up names does not fill the list. */
const MAX_OF_ONE = 5;
/** Lines that are gone through at a time, some 4 µs each; what is left is as it was until the next time. */
const MAX_LINES = 10_000;

/** The domains that jobs were refused most often. */
export class TopRefused {
  readonly #folded = new Map<string, Folded>();
  #turn = 0;

  /** @param gateways by id, with a bounded number of hosts each. */
  list(gateways: ReadonlyMap<string, Pick<Figures, 'denied' | 'hosts'>>) {
    for (const id of this.#folded.keys()) if (!gateways.has(id)) this.#folded.delete(id);
    const changed = [...gateways]
      .map(([id, figures]) => ({ id, ...figures, known: this.#folded.get(id) }))
      .filter(({ denied, known }) => denied !== (known?.denied ?? 0))
      .sort((a, b) => (a.known?.turn ?? -1) - (b.known?.turn ?? -1));
    let lines = 0;
    for (const { id, denied, hosts } of changed) {
      lines += hosts.length;
      if (lines > MAX_LINES) break;
      this.#folded.set(id, { denied, turn: this.#turn++, domains: fold(hosts) });
    }
    return merge([...this.#folded.values()].map(({ domains }) => domains));
  }
}

function fold(lines: readonly HostFigures[]): Domain[] {
  const byName = new Map<string, Domain>();
  const seen = new Set<string>();
  for (const { host, port, denied } of lines) {
    const reasons = Object.entries(denied);
    if (reasons.length === 0 || (host === OTHER_HOST && port === 0)) continue;
    const name = registrable(host);
    const domain = byName.get(name) ?? { domain: name, hosts: 0, count: 0, reasons: {} };
    byName.set(name, domain);
    if (!seen.has(host)) domain.hosts++;
    seen.add(host);
    add(domain, reasons);
  }
  return [...byName.values()].sort((a, b) => b.count - a.count).slice(0, MAX_LISTED);
}

function merge(gateways: readonly (readonly Domain[])[]) {
  const byName = new Map<string, Domain & { gateways: number; most: number; of: number }>();
  for (const [of, domains] of gateways.entries()) {
    for (const { domain, hosts, count, reasons } of domains) {
      const known = byName.get(domain);
      const sum = known ?? { domain, hosts: 0, gateways: 0, count: 0, reasons: {}, most: 0, of };
      if (!known) byName.set(domain, sum);
      sum.gateways++;
      sum.hosts = Math.max(sum.hosts, hosts);
      if (count > sum.most) Object.assign(sum, { most: count, of });
      add(sum, Object.entries(reasons));
    }
  }
  const listed = new Map<number, number>();
  return [...byName.values()]
    .sort((a, b) => b.count - a.count)
    .filter(({ of }) => {
      listed.set(of, (listed.get(of) ?? 0) + 1);
      return (listed.get(of) ?? 0) <= MAX_OF_ONE;
    })
    .slice(0, MAX_LISTED)
    .map(({ most: _most, of: _of, ...domain }) => domain);
}

function add(domain: Domain, reasons: readonly [string, number][]): void {
  for (const [reason, count] of reasons) {
    domain.reasons[reason] = (domain.reasons[reason] ?? 0) + count;
    domain.count += count;
  }
}
