import type { DenialReason } from '../../proxy/policy/denials.js';
import { DENIALS } from '../../proxy/policy/denials.js';
import { remedyFor } from '../../proxy/policy/remedy.js';
import type { DecisionEvent, ProxyEvent } from '../../proxy/report/events.js';
import { type DenialRow, denialText } from './denial-text.js';

const ROWS = 500;
const OTHER = '(other hosts)';

/**
 * Collects what a job's proxy refused. Most clients lose the body of a refused CONNECT, so the end of a run is
 * where its author learns what to change. Bounded: beyond 500 different targets the rest is counted together.
 */
export class DenialSummary {
  readonly #rows = new Map<string, { event: DecisionEvent; reason: DenialReason; count: number }>();

  add(event: ProxyEvent): void {
    if (event.type !== 'decision' || event.decision !== 'deny' || event.reason === 'allowed') return;
    const { reason } = event;
    const full = this.#rows.size >= ROWS;
    // What was in the first bytes of a tunnel is told.
    const inside = reason === 'tls-other-name' ? ` ${event.detail}` : '';
    let key = `${event.host} ${event.port} ${reason}${inside}`;
    if (full && !this.#rows.has(key)) {
      key = reason;
      event = { ...event, host: OTHER, port: 0 };
    }
    const row = this.#rows.get(key) ?? { event, reason, count: 0 };
    row.count += event.count ?? 1;
    this.#rows.set(key, row);
  }

  /** Most frequent first. */
  rows(): DenialRow[] {
    return [...this.#rows.values()]
      .sort((a, b) => b.count - a.count)
      .map(({ event, reason, count }) => ({
        host: event.host,
        port: event.port,
        reason,
        count,
        remedy: remedy(event, reason),
      }));
  }

  /** Lines for a person; empty where nothing was refused. */
  text(): string {
    return denialText(this.rows());
  }
}

function remedy(event: DecisionEvent, reason: DenialReason): string {
  const { host, address, detail } = event;
  const { help } = DENIALS[reason];
  const { entry, operator = [] } = remedyFor({ ...event, reason }) ?? {};
  const flags = [...(entry === undefined ? [] : [`--domain ${entry}`]), ...operator].join(' ');
  if (flags !== '') {
    const found =
      address !== undefined && entry === undefined && address !== host ? `resolves to ${address}; ` : '';
    return `${found}to allow it: ${flags}`;
  }
  if (reason === 'domain-not-allowed' && host !== OTHER)
    return "a name without a dot is the job's own, or nobody's";
  if (reason === 'job-itself') {
    return `this is the job itself, where its proxy does not reach: -e no_proxy=${host.includes(':') ? `[${host}]` : host}`;
  }
  return detail === undefined ? help : `${help}: ${detail}`;
}
