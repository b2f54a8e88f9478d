import type { ServiceEvent } from './event-hub.js';

/** So many are remembered. */
const MAX_EVENTS = 3_000;
/** And of so much text in those that may be long, characters. */
const MAX_TEXT = 1 << 20;

interface Remembered {
  readonly event: ServiceEvent;
  readonly order: number;
  readonly size: number;
}

/**
 * The last events of a serve. What is too many goes from those of the gateway that has most, the oldest first: a job
 * that makes thousands pushes out its own.
 */
export class RecentEvents {
  /** By gateway; those of none together. */
  readonly #lists = new Map<string, Remembered[]>();
  #order = 0;
  #count = 0;
  #text = 0;

  add(event: ServiceEvent): void {
    const of = 'gateway' in event ? event.gateway : '';
    const list = this.#lists.get(of) ?? [];
    this.#lists.set(of, list);
    const one = { event, order: this.#order++, size: textOf(event) };
    list.push(one);
    this.#count++;
    this.#text += one.size;
    if (this.#count > MAX_EVENTS) this.#dropOf((remembered) => remembered.length);
    while (this.#text > MAX_TEXT)
      this.#dropOf((remembered) => remembered.reduce((sum, { size }) => sum + size, 0));
  }

  /** Since a time, ms since 1970; in the order in which they were told. */
  since(time: number): ServiceEvent[] {
    return [...this.#lists.values()]
      .flat()
      .filter(({ event }) => event.time >= time)
      .sort((a, b) => a.order - b.order)
      .map(({ event }) => event);
  }

  /** The older half of the longest list, so that not every event asks for the longest one. */
  #dropOf(length: (list: readonly Remembered[]) => number): void {
    const [[of, list] = ['', []]] = [...this.#lists].sort(([, a], [, b]) => length(b) - length(a));
    for (const { size } of list.splice(0, Math.ceil(list.length / 2))) {
      this.#count--;
      this.#text -= size;
    }
    if (list.length === 0) this.#lists.delete(of);
  }
}

/** Those of proxies are short. */
function textOf(event: ServiceEvent): number {
  return event.type === 'decision' || event.type === 'closed' ? 0 : JSON.stringify(event).length;
}
