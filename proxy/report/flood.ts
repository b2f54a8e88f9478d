import { type Clock, systemClock } from '../util/clock.js';
import type { ProxyEvent } from './events.js';

/** So many equal events pass one by one in each window; the rest become one with a count. A denial says the same again. */
const SINGLES = { deny: 5, allow: 100 };
const WINDOW_MS = 1_000;
/** So many different ones are told apart in a window; the rest become one line for `other` per reason. */
const MAX_KINDS = 500;

interface Kind {
  readonly singles: number;
  seen: number;
  last: ProxyEvent;
  /** Bytes of those that were held back. */
  up: number;
  down: number;
}

/**
 * Lets events through to a sink, except that a flood of equal ones (same reason, way, method, host and port) becomes one event
 * with a count: no job pushes the lines of others out. Counts and bytes add up to what happened.
 */
export class FloodGuard {
  readonly #kinds = new Map<string, Kind>();
  readonly #sink: (event: ProxyEvent) => void;
  readonly #clock: Clock;
  #timer: unknown;
  #recent: Record<ProxyEvent['type'], Kind | undefined> = { decision: undefined, closed: undefined };

  constructor(sink: (event: ProxyEvent) => void, clock: Clock = systemClock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  push(event: ProxyEvent): void {
    this.#timer ??= this.#clock.setTimeout(() => this.flush(), WINDOW_MS);
    const kind = this.#kind(event);
    kind.seen++;
    if (kind.seen <= kind.singles) this.#sink(event);
    else if (event.type === 'closed') {
      kind.up += event.up;
      kind.down += event.down;
    }
  }

  /** Tells what was held back, and begins a new window. */
  flush(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    const kinds = [...this.#kinds.values()];
    this.#kinds.clear();
    this.#recent = { decision: undefined, closed: undefined };
    for (const { singles, seen, last, up, down } of kinds) {
      const count = seen - singles;
      if (count <= 0) continue;
      const all = last.type === 'closed' ? { ...last, up, down } : last;
      this.#sink(count === 1 ? all : { ...all, count });
    }
  }

  /** Mostly that of the last one: looking it up, by a key that is made for it, costs more than all else here. */
  #kind(event: ProxyEvent): Kind {
    const recent = this.#recent[event.type];
    if (recent === undefined || !isAlike(recent.last, event)) return this.#find(event);
    recent.last = event;
    return recent;
  }

  #find(event: ProxyEvent): Kind {
    const { type, reason, method, host, port } = event;
    const what = type === 'closed' ? `${type} ${event.kind} ${reason}` : `${event.how} ${reason}`;
    const key = `${what} ${method} ${host} ${port}`;
    const known = this.#kinds.get(key);
    if (known) {
      known.last = event;
      this.#recent[type] = known;
      return known;
    }
    if (this.#kinds.size >= MAX_KINDS) return this.#other(what, event);
    const singles = type === 'decision' && event.decision === 'deny' ? SINGLES.deny : SINGLES.allow;
    return this.#add(key, singles, event);
  }

  #other(what: string, event: ProxyEvent): Kind {
    const last: ProxyEvent = { ...event, method: '-', host: 'other', port: 0 };
    const known = this.#kinds.get(what);
    if (known) {
      known.last = last;
      return known;
    }
    // Nothing of it passes singly: a million distinct names are a flood from the first.
    return this.#add(what, 0, last);
  }

  #add(key: string, singles: number, last: ProxyEvent): Kind {
    const kind: Kind = { singles, seen: 0, last, up: 0, down: 0 };
    this.#kinds.set(key, kind);
    return kind;
  }
}

/** Whether both are of one kind. */
function isAlike(a: ProxyEvent, b: ProxyEvent): boolean {
  if (a.reason !== b.reason || a.method !== b.method || a.host !== b.host || a.port !== b.port) return false;
  return a.type === 'closed'
    ? b.type === 'closed' && a.kind === b.kind
    : b.type === 'decision' && a.how === b.how;
}
