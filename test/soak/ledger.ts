import type { ProxyEvent } from '../../proxy/report/events.js';
import type { Figures } from '../../proxy/report/figures.js';

/** What one proxy said it did, against what must be true of it whatever its clients and origins do. */
export class Ledger {
  #allowed = 0;
  #denied = 0;
  #closed = 0;
  /** Allowed flows that have not ended, by connection and method; below 0, flows that ended and were not allowed yet. */
  readonly #open = new Map<string, number>();
  /** Whether a flood was told as one event, which does not say what it stands for. */
  #coalesced = false;
  readonly #report: (problem: string) => void;

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  get decisions(): number {
    return this.#allowed + this.#denied;
  }

  add(event: ProxyEvent): void {
    if (/[^!-~]/.test(event.host)) this.#report(`an event's host has odd bytes: ${JSON.stringify(event)}`);
    const { count = 1 } = event;
    if (event.type === 'decision' && event.decision === 'deny') {
      this.#denied += count;
      return;
    }
    const by = event.type === 'closed' ? -1 : 1;
    if (by < 0) this.#closed += count;
    else this.#allowed += count;
    if (count > 1 || event.port === 0) this.#coalesced = true;
    else this.#count(`${event.connection} ${event.method} ${event.host}:${event.port}`, by);
  }

  /** To be asked once nothing is under way, and events that were held back are out. */
  check(figures: Figures): void {
    const { connections, tunnels, requests, allowed, denied } = figures;
    const open = { connections, tunnels, requests };
    if (connections + tunnels + requests > 0)
      this.#report(`figures do not return to 0: ${JSON.stringify(open)}`);
    if (this.#allowed !== allowed)
      this.#report(`${allowed} allowed by the figures, ${this.#allowed} by the events`);
    if (this.#denied !== denied)
      this.#report(`${denied} denied by the figures, ${this.#denied} by the events`);
    const left = [...this.#open].map(([flow, count]) => `${flow} (${count})`).slice(0, 5);
    if (this.#closed !== this.#allowed || (left.length > 0 && !this.#coalesced)) {
      this.#report(
        `${this.#allowed} flows were allowed, and ${this.#closed} closed; those that do not match: ${left.join(', ')}`,
      );
    }
    this.#open.clear();
    this.#coalesced = false;
  }

  #count(flow: string, by: number): void {
    const count = (this.#open.get(flow) ?? 0) + by;
    if (count === 0) this.#open.delete(flow);
    else this.#open.set(flow, count);
  }
}
