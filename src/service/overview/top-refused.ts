import { type HostFigures, OTHER_HOST } from '../../../proxy/report/figures.js';
import { registrable } from './registrable.js';

/** Hosts of one domain that jobs were refused. */
export interface RefusedDomain {
  readonly domain: string;
  readonly hosts: number;
  /** How many gateways refused it. */
  readonly gateways: number;
  readonly count: number;
  readonly reasons: Readonly<Record<string, number>>;
}

const MAX_LISTED = 20;
/** So many that are mostly of one gateway: a job that makes up names does not fill the list. */
const MAX_OF_ONE = 5;

interface Sum {
  readonly hosts: Set<string>;
  readonly byGateway: Map<number, number>;
  count: number;
  readonly reasons: Record<string, number>;
}

/** The domains that were refused most often. @param gateways of each the hosts that it tells apart, a bounded number. */
export function topRefused(gateways: Iterable<readonly HostFigures[]>): RefusedDomain[] {
  const sums = new Map<string, Sum>();
  let gateway = 0;
  for (const hosts of gateways) {
    gateway++;
    for (const { host, port, denied } of hosts) {
      const reasons = Object.entries(denied);
      if (reasons.length === 0 || (host === OTHER_HOST && port === 0)) continue;
      const sum = sumOf(sums, registrable(host));
      sum.hosts.add(host);
      for (const [reason, count] of reasons) {
        sum.reasons[reason] = (sum.reasons[reason] ?? 0) + count;
        sum.count += count;
        sum.byGateway.set(gateway, (sum.byGateway.get(gateway) ?? 0) + count);
      }
    }
  }
  return fairly([...sums].sort(([, a], [, b]) => b.count - a.count)).map(([domain, sum]) => ({
    domain,
    hosts: sum.hosts.size,
    gateways: sum.byGateway.size,
    count: sum.count,
    reasons: sum.reasons,
  }));
}

function sumOf(sums: Map<string, Sum>, domain: string): Sum {
  const known = sums.get(domain);
  if (known) return known;
  const sum: Sum = { hosts: new Set(), byGateway: new Map(), count: 0, reasons: {} };
  sums.set(domain, sum);
  return sum;
}

function fairly(sorted: readonly [string, Sum][]): [string, Sum][] {
  const listed: [string, Sum][] = [];
  const of = new Map<number, number>();
  for (const one of sorted) {
    const [most = 0] = [...one[1].byGateway].reduce((best, next) => (next[1] > best[1] ? next : best));
    const before = of.get(most) ?? 0;
    if (before >= MAX_OF_ONE) continue;
    of.set(most, before + 1);
    listed.push(one);
    if (listed.length === MAX_LISTED) break;
  }
  return listed;
}
