import type { DenialReason } from '../../proxy/policy/denials.js';
import { DENIALS } from '../../proxy/policy/denials.js';
import type { DecisionEvent, ProxyEvent } from '../../proxy/report/events.js';

/** Equal refusals, counted. */
export interface DenialRow {
  readonly host: string;
  readonly port: number;
  readonly reason: DenialReason;
  readonly count: number;
  /** What would allow it, for the person who runs the job. */
  readonly remedy: string;
}

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
    let key = `${event.host} ${event.port} ${reason}`;
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
    const rows = this.rows();
    if (rows.length === 0) return '';
    const target = (row: DenialRow) => (row.port > 0 ? `${bracketed(row.host)}:${row.port}` : row.host);
    const width = Math.max(...rows.map((row) => target(row).length));
    const lines = rows.map((row) => {
      const times = row.count === 1 ? 'once' : `${row.count} times`;
      return `  ${target(row).padEnd(width)}  ${times}, ${row.reason}: ${row.remedy}`;
    });
    return `jobgate refused:\n${lines.join('\n')}\n`;
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function remedy(event: DecisionEvent, reason: DenialReason): string {
  const host = bracketed(event.host);
  const web = event.port === 443 || event.port === 80;
  switch (reason) {
    case 'domain-not-allowed':
      if (event.host === OTHER) return DENIALS[reason].help;
      return `to allow it: --domain ${web ? host : `${host}:${event.port}`}`;
    case 'port-not-allowed':
      return event.port >= 1024
        ? `to allow it: --domain ${host}:${event.port}`
        : `to allow it: --domain ${host}:${event.port} --allow-port ${event.port}`;
    case 'address-not-public':
    case 'address-of-node':
      return event.address
        ? `resolves to ${event.address}; to allow it: --allow-address ${bracketed(event.address)}:${event.port}`
        : DENIALS[reason].help;
    default:
      return DENIALS[reason].help;
  }
}
