import type net from 'node:net';
import type { JudgedTarget } from '../policy/judged.js';
import { MAX_FREE } from './origin-agent.js';
import { OriginConnection } from './origin-connection.js';

/** How often it looks for what was kept for long enough, ms. */
const SWEEP_MS = 1_000;

/**
 * Kept connections for simple requests, under the rule of `OriginAgent`: one serves a later request only for the same
 * authority, and only if that was just resolved and judged to exactly the same addresses. That is what its key says. One
 * timer serves all.
 */
export class OriginPool {
  readonly #free = new Map<string, OriginConnection[]>();
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** The one that was free last; undefined where there is none. */
  take(key: string): OriginConnection | undefined {
    const kept = this.#free.get(key);
    for (let last = kept?.pop(); last; last = kept?.pop()) {
      this.#size--;
      if (last.isOpen) return last;
    }
    return undefined;
  }

  /** For a socket that was dialled. */
  connection(socket: net.Socket, key: string, target: JudgedTarget): OriginConnection {
    return new OriginConnection(socket, target, (lost) => this.#forget(lost, key));
  }

  /** Keeps it for so many ms, if there is room. */
  give(connection: OriginConnection, key: string, ms: number): void {
    if (this.#closed || ms <= 0 || this.#size >= MAX_FREE || !connection.isOpen) {
      connection.destroy();
      return;
    }
    connection.free(performance.now() + ms);
    this.#size++;
    const kept = this.#free.get(key);
    if (kept) kept.push(connection);
    else this.#free.set(key, [connection]);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Throws away what is kept: one of them turned out to be dead. */
  discard(key: string): void {
    const kept = this.#free.get(key) ?? [];
    this.#free.delete(key);
    this.#size -= kept.length;
    for (const one of kept) one.destroy();
  }

  /** Throws away what is kept for such targets. */
  discardAll(which: (target: JudgedTarget) => boolean): void {
    for (const [key, [first]] of [...this.#free]) if (first && which(first.target)) this.discard(key);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const key of [...this.#free.keys()]) this.discard(key);
  }

  #forget(connection: OriginConnection, key: string): void {
    const kept = this.#free.get(key);
    const at = kept?.indexOf(connection) ?? -1;
    if (at < 0) return;
    kept?.splice(at, 1);
    this.#size--;
  }

  #sweep(): void {
    const now = performance.now();
    for (const [key, kept] of this.#free) {
      const old = kept.filter(({ freeUntil }) => freeUntil <= now);
      this.#size -= old.length;
      if (old.length === kept.length) this.#free.delete(key);
      else this.#free.set(key, old.length === 0 ? kept : kept.filter((one) => !old.includes(one)));
      for (const one of old) one.destroy();
    }
    if (this.#free.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
