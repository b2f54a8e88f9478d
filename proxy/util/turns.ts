import { performance } from 'node:perf_hooks';

/** What a job may work in one round of the event loop, ms; what has begun then goes on to its end. */
const TURN_MS = 2;

/** The work of one job, some of it now and the rest in its next turns. */
export interface Turn {
  /** False: its turn is over, or it has work that waits. */
  readonly mayBegin: boolean;
  /** Does it now, and counts the time. */
  run(work: () => void): void;
  /** Does it in one of its next turns, behind what waits already. */
  wait(work: () => void): void;
  /** What waits is not done any more. */
  close(): void;
}

/**
 * Shares the event loop of a process among its jobs: in each of its rounds each has one turn, and in between comes all
 * that the others wait for. Who is alone waits for nobody.
 */
export class Turns {
  readonly #turnMs: number;
  readonly #now: () => number;
  readonly #active = new Set<JobTurn>();
  #scheduled = false;

  constructor(turnMs = TURN_MS, now = () => performance.now()) {
    this.#turnMs = turnMs;
    this.#now = now;
  }

  ofJob(): Turn {
    return new JobTurn(this.#turnMs, this.#now, (turn) => {
      this.#active.add(turn);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const turn of [...this.#active]) {
        if (!turn.next()) this.#active.delete(turn);
      }
      if (this.#active.size > 0) this.#schedule();
    });
  }
}

class JobTurn implements Turn {
  readonly #turnMs: number;
  readonly #now: () => number;
  readonly #activate: (turn: JobTurn) => void;
  #waiting: (() => void)[] = [];
  #spent = 0;

  constructor(turnMs: number, now: () => number, activate: (turn: JobTurn) => void) {
    this.#turnMs = turnMs;
    this.#now = now;
    this.#activate = activate;
  }

  get mayBegin(): boolean {
    return this.#waiting.length === 0 && this.#spent < this.#turnMs;
  }

  run(work: () => void): void {
    const from = this.#now();
    work();
    this.#spent += this.#now() - from;
    // Not for each little work: until then it all counts against this turn.
    if (this.#spent >= this.#turnMs / 4) this.#activate(this);
  }

  wait(work: () => void): void {
    this.#waiting.push(work);
    this.#activate(this);
  }

  close(): void {
    this.#waiting = [];
  }

  /** A new turn. @returns whether there is more for another one. */
  next(): boolean {
    this.#spent = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    let done = 0;
    while (done < waiting.length && this.#spent < this.#turnMs) {
      const from = this.#now();
      waiting[done++]?.();
      this.#spent += this.#now() - from;
    }
    // What was done may have had more to come, behind what was there before.
    this.#waiting = [...waiting.slice(done), ...this.#waiting];
    return this.#waiting.length > 0 || this.#spent > 0;
  }
}

/** One for all proxies of the process: it is the process that has the event loop. */
export const turns = new Turns();
