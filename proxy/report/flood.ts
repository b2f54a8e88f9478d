import { type Clock, systemClock } from '../util/clock.js';
import type { DecisionEvent } from './events.js';

/** So many equal denials pass one by one in each window; the rest become one with a count. */
const SINGLES = 5;
const WINDOW_MS = 1_000;
/** So many different ones are told apart in a window; the rest become one line for `other` per reason. */
const MAX_KINDS = 500;

interface Kind {
  seen: number;
  last: DecisionEvent;
}

/**
 * Lets events through to a sink, except that a flood of equal denials (same reason, method, host and port) becomes
 * one event with a count. The counts add up to what happened.
 */
export class FloodGuard {
  readonly #kinds = new Map<string, Kind>();
  readonly #sink: (event: DecisionEvent) => void;
  readonly #clock: Clock;
  #timer: unknown;

  constructor(sink: (event: DecisionEvent) => void, clock: Clock = systemClock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  push(event: DecisionEvent): void {
    if (event.decision === 'allow') {
      this.#sink(event);
      return;
    }
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), WINDOW_MS);
    const kind = this.#kind(event);
    kind.seen++;
    if (kind.seen <= SINGLES) this.#sink(event);
  }

  /** Tells what was held back, and begins a new window. */
  flush(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const kinds = [...this.#kinds.values()];
    this.#kinds.clear();
    for (const { seen, last } of kinds) {
      const count = seen - SINGLES;
      if (count === 1) this.#sink(last);
      else if (count > 1) this.#sink({ ...last, count });
    }
  }

  #kind(event: DecisionEvent): Kind {
    const { reason, method, host, port } = event;
    const key = `${reason} ${method} ${host} ${port}`;
    const known = this.#kinds.get(key);
    if (known) {
      known.last = event;
      return known;
    }
    if (this.#kinds.size >= MAX_KINDS) return this.#other(event);
    const kind: Kind = { seen: 0, last: event };
    this.#kinds.set(key, kind);
    return kind;
  }

  #other(event: DecisionEvent): Kind {
    const last: DecisionEvent = { ...event, method: '-', host: 'other', port: 0 };
    const known = this.#kinds.get(event.reason);
    if (known) {
      known.last = last;
      return known;
    }
    // Nothing of it passes singly: a million distinct names are a flood from the first.
    const kind: Kind = { seen: SINGLES, last };
    this.#kinds.set(event.reason, kind);
    return kind;
  }
}
