import type { ProxyEvent } from '../../proxy/report/events.js';
import type { Figures } from '../../proxy/report/figures.js';

/** What one proxy said it did, against what must be true of it whatever its clients and origins do. */
export class Ledger {
  #allowed = 0;
  #denied = 0;
  #closed = 0;
  /** Allowed flows that have not ended, by connection and method. */
  readonly #open = new Map<string, number>();
  readonly #report: (problem: string) => void;

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  get decisions(): number {
    return this.#allowed + this.#denied;
  }

  add(event: ProxyEvent): void {
    if (/[^!-~]/.test(event.host)) this.#report(`an event's host has odd bytes: ${JSON.stringify(event)}`);
    const flow = `${event.connection} ${event.method} ${event.host}:${event.port}`;
    if (event.type === 'closed') {
      this.#closed++;
      this.#count(flow, -1, event);
    } else if (event.decision === 'allow') {
      this.#allowed++;
      this.#count(flow, 1, event);
    } else {
      this.#denied += event.count ?? 1;
    }
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
    if (this.#closed !== this.#allowed) {
      const left = [...this.#open.keys()].slice(0, 5).join(', ');
      this.#report(
        `${this.#allowed} flows were allowed, but ${this.#closed} were closed; not closed: ${left}`,
      );
    }
  }

  #count(flow: string, by: number, event: ProxyEvent): void {
    const count = (this.#open.get(flow) ?? 0) + by;
    if (count < 0) this.#report(`closed without being allowed, or twice: ${JSON.stringify(event)}`);
    if (count === 0) this.#open.delete(flow);
    else this.#open.set(flow, count);
  }
}
