import type { DenialReason } from '../policy/denials.js';
import type { DecisionEvent } from './events.js';

/** What a proxy did so far, and has open now. Plain values. */
export interface Figures {
  /** Bytes from the job, at its side of the proxy, everything included. */
  readonly up: number;
  /** Bytes to the job. */
  readonly down: number;
  /** Open now. */
  readonly connections: number;
  readonly tunnels: number;
  readonly requests: number;
  /** Decisions so far. */
  readonly allowed: number;
  readonly denied: number;
  /** Ms in which at least one connection waited for the limiter. */
  readonly throttledMs: { readonly up: number; readonly down: number };
  /** By host and port: at most 500 lines, and one for all others (`other`, port 0). */
  readonly hosts: readonly HostFigures[];
}

export interface HostFigures {
  readonly host: string;
  readonly port: number;
  readonly allowed: number;
  readonly denied: Readonly<Partial<Record<DenialReason, number>>>;
}

/** A job can ask for a million names: so many have a line of their own. */
export const MAX_HOSTS = 500;
const OTHER_HOST = 'other';

interface HostLine {
  readonly host: string;
  readonly port: number;
  allowed: number;
  denied: Partial<Record<DenialReason, number>>;
}

/** Decisions counted by host. */
export class HostCounts {
  allowed = 0;
  denied = 0;
  readonly #lines = new Map<string, HostLine>();
  readonly #other: HostLine = { host: OTHER_HOST, port: 0, allowed: 0, denied: {} };

  count({ host, port, reason, count = 1 }: Pick<DecisionEvent, 'host' | 'port' | 'reason' | 'count'>): void {
    const line = this.#line(host, port);
    if (reason === 'allowed') {
      this.allowed += count;
      line.allowed += count;
    } else {
      this.denied += count;
      line.denied[reason] = (line.denied[reason] ?? 0) + count;
    }
  }

  list(): HostFigures[] {
    const { allowed, denied } = this.#other;
    const lines = [...this.#lines.values()];
    if (allowed > 0 || Object.keys(denied).length > 0) lines.push(this.#other);
    return lines.map((line) => ({ ...line, denied: { ...line.denied } }));
  }

  #line(host: string, port: number): HostLine {
    const key = `${host} ${port}`;
    const known = this.#lines.get(key);
    if (known) return known;
    if (this.#lines.size >= MAX_HOSTS) return this.#other;
    const line: HostLine = { host, port, allowed: 0, denied: {} };
    this.#lines.set(key, line);
    return line;
  }
}
