import type { ServiceEvent } from '../event-hub.js';

const MAX_LAST = 20;
/** Of a reason, UTF-16 units: a job's domains are in it. */
const MAX_REASON = 500;

/** What admission said so far, and the last of it. */
export class Verdicts {
  #accepted = 0;
  #refused = 0;
  readonly #last: { time: string; job?: string; accepted: boolean; reason: string }[] = [];

  add(event: ServiceEvent): void {
    if (event.type !== 'admission') return;
    const { time, job, shouldBid: accepted, reason } = event;
    if (accepted) this.#accepted++;
    else this.#refused++;
    this.#last.unshift({
      time: new Date(time).toISOString(),
      ...(job !== undefined && { job }),
      accepted,
      reason: reason.slice(0, MAX_REASON),
    });
    this.#last.length = Math.min(this.#last.length, MAX_LAST);
  }

  view() {
    return { accepted: this.#accepted, refused: this.#refused, last: [...this.#last] };
  }
}
