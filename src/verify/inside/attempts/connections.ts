import { connect, type Socket } from 'node:net';
import type { Attempt } from '../plan.js';
import type { Bounds, Found } from './outcome.js';

/** So long they are opened as fast as they can be, ms. */
const FAST_MS = 2000;
/** So many of these wait for an answer at once. */
const WAITING = 512;
const TICK_MS = 10;
/** The beginning of an answer, with its status. */
const ANSWER = /^HTTP\/1\.[01] (\d{3})/;
/** Too many requests, unavailable: whatever else is answered, the connection was let in. */
const REFUSALS = ['429', '503'];
/** Said where it is this side that has none left. */
const USED_UP = ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS'];

type Many = Attempt & { do: 'connections' };

/** Opens many connections, each with a request; `ms` of the result is until the last one was served. */
export function connections(attempt: Many, bounds: Bounds): Promise<Found> {
  return new Opening(attempt, bounds).done;
}

class Opening {
  readonly done: Promise<Found>;
  readonly #attempt: Many;
  readonly #start = performance.now();
  readonly #waiting = new Set<Socket>();
  /** Served, and open. */
  readonly #held = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;
  #opened = 0;
  #served = 0;
  #refused = 0;
  #lastMs = 0;
  #usedUp: string | undefined;
  #late: NodeJS.Timeout | undefined;
  #finish: (found: Found) => void = () => {};

  constructor(attempt: Many, { waitMs }: Bounds) {
    this.#attempt = attempt;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#timer = setInterval(() => {
      this.#openMore();
      if (this.#mayOpen) return;
      this.#late ??= setTimeout(() => this.#end(), waitMs);
      if (this.#waiting.size === 0) this.#end();
    }, TICK_MS);
    this.#openMore();
  }

  get #mayOpen(): boolean {
    const { most, hold } = this.#attempt;
    return this.#opened < most && (hold !== undefined || this.#elapsed < FAST_MS);
  }

  get #elapsed(): number {
    return performance.now() - this.#start;
  }

  #openMore(): void {
    const { hold } = this.#attempt;
    const due = hold
      ? Math.ceil((this.#elapsed * hold.perSecond) / 1000)
      : this.#opened + WAITING - this.#waiting.size;
    while (this.#mayOpen && this.#opened < due) this.#open();
  }

  #open(): void {
    const { host, port, say, hold } = this.#attempt;
    this.#opened++;
    const socket = connect({ host, port });
    this.#waiting.add(socket);
    let head = '';
    socket.once('connect', () => socket.write(say));
    socket.on('data', (chunk) => {
      if (!this.#waiting.has(socket)) return;
      head += chunk.toString('latin1');
      const status = ANSWER.exec(head)?.[1];
      if (status === undefined) return;
      this.#waiting.delete(socket);
      if (REFUSALS.includes(status)) this.#refused++;
      else {
        this.#served++;
        this.#lastMs = this.#elapsed;
        if (hold) this.#held.add(socket);
      }
      if (!this.#held.has(socket)) socket.destroy();
      if (!hold) this.#openMore();
    });
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      if (USED_UP.includes(code)) this.#usedUp = code;
    });
    socket.once('close', () => {
      this.#held.delete(socket);
      // Closed without an answer.
      if (this.#waiting.delete(socket)) this.#refused++;
    });
  }

  #end(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#late);
    const [opened, refused] = [this.#opened, this.#refused + this.#waiting.size];
    const served = this.#attempt.hold ? this.#held.size : this.#served;
    for (const socket of [...this.#waiting, ...this.#held]) socket.destroy();
    const ms = Math.round(this.#lastMs);
    const found = { opened, served, ms };
    if (this.#usedUp !== undefined) this.#finish({ ...found, outcome: 'error', detail: this.#usedUp });
    else if (refused > 0)
      this.#finish({ ...found, outcome: 'refused', detail: `${refused} of ${opened} were not let in` });
    else if (served === opened)
      this.#finish({ ...found, outcome: 'answered', detail: `all ${opened} were let in` });
    else this.#finish({ ...found, outcome: 'error', detail: 'they are closed once they are answered' });
  }
}
