import type { Allowances } from './budget/spending.js';
import type { JudgedTarget } from './policy/judged.js';

/** A connection of the job. */
interface Connection {
  /** What passes on it is for this host; undefined: for none any more. */
  countFor(host: Allowances | undefined): void;
}

/** An allowed tunnel or request that is under way. */
export interface Session {
  readonly target: JudgedTarget;
  /** The job's connection that it is on. */
  readonly connection: Connection;
  /** Cuts it; `reason` is for its `closed` event. */
  end(reason: string): void;
  /** Bytes that are buffered for it, by its streams. */
  readonly held: number;
}

/** What a session may hold at most, bytes: fewer need not be counted. */
const MOST_HELD = 393_216;

/** Of the event loop, that a session may take to end once its sockets are closed. */
const MAX_TICKS = 1_000;

/** Whatever of one job is allowed and under way. Who begins something says so, and says when it is over. */
export class Sessions {
  /** True while the proxy drains: nothing new is begun. */
  closing = false;
  readonly #open = new Set<Session>();
  readonly #onOver: () => void;
  readonly #allowances: (host: string) => Allowances | undefined;

  /**
   * @param onOver called whenever one is over
   * @param allowances of a host
   */
  constructor(onOver: () => void, allowances: (host: string) => Allowances | undefined = () => undefined) {
    this.#onOver = onOver;
    this.#allowances = allowances;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * @returns what settles once it may send: a head may have taken more than the job has left with the host, and where
   *   there is no more, it is cut instead.
   */
  began(session: Session): Promise<void> | undefined {
    this.#open.add(session);
    const host = this.#allowances(session.target.authority.host);
    if (!host) return undefined;
    session.connection.countFor(host);
    return host.up.debt();
  }

  over(session: Session): void {
    this.#open.delete(session);
    if (this.#allowances(session.target.authority.host)) session.connection.countFor(undefined);
    this.#onOver();
  }

  /** The bounds of hosts have become others: those that are open count for them from now on. */
  recount(): void {
    for (const { connection, target } of this.#open) {
      connection.countFor(this.#allowances(target.authority.host));
    }
  }

  /** Cuts all, or some. @returns the job's connections that these were on. */
  end(reason: string, which: (session: Session) => boolean = () => true): object[] {
    const ended = [...this.#open].filter(which);
    for (const session of ended) session.end(reason);
    return ended.map(({ connection }) => connection);
  }

  /** Cuts those for which most is buffered, until all together hold no more than so many bytes. */
  bound(bytes: number): void {
    if (this.#open.size * MOST_HELD <= bytes) return;
    const all = [...this.#open].map((session) => ({ session, held: session.held }));
    let sum = all.reduce((total, { held }) => total + held, 0);
    if (sum <= bytes) return;
    all.sort((a, b) => b.held - a.held);
    for (const { session, held } of all) {
      if (sum <= bytes) return;
      session.end('too-much-buffered');
      sum -= held;
    }
  }

  /**
   * Waits for those that end with their sockets: they say so in the ticks after it. What does not must not keep the
   * gateway from closing: gives how many are left.
   */
  async settled(): Promise<number> {
    for (let tick = 0; this.#open.size > 0 && tick < MAX_TICKS; tick++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#open.size;
  }
}
