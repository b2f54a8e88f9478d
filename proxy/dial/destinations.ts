import type { Leases } from './destination-caps.js';
import { DialError } from './dial-error.js';

/** Most that is asked for at once. */
const MAX_WANT = 16;
/** What is not needed is given back, and what is closed is told, after so long, ms; or when there is as much as that. */
const SOON_MS = 250;

interface Held {
  /** Leave that is not used yet. */
  unused: number;
  /** Closed, and not yet told. */
  closed: number;
  /** What the next question asks for: more, where one follows soon upon another. */
  want: number;
  asking: Promise<number> | undefined;
}

/** The connections of a job by destination: none is begun without leave, which is mostly here already. */
export class Destinations {
  readonly #leases: Leases;
  readonly #held = new Map<string, Held>();
  #timer: NodeJS.Timeout | undefined;

  constructor(leases: Leases) {
    this.#leases = leases;
  }

  /**
   * What is to be called once the connection is closed, or was none. A promise where somebody has to be asked.
   *
   * @throws DialError where the node has as many as it may.
   */
  acquire(destination: string): (() => void) | Promise<() => void> {
    let held = this.#held.get(destination);
    if (!held) {
      held = { unused: 0, closed: 0, want: 1, asking: undefined };
      this.#held.set(destination, held);
      this.#timer ??= setTimeout(() => this.#tidy(), SOON_MS).unref();
    }
    if (held.unused > 0) return this.#take(destination, held);
    if (held.asking) return this.#wait(destination, held);
    const granted = this.#ask(destination, held);
    if (granted === undefined) return this.#wait(destination, held);
    if (granted === 0) throw busy(destination);
    return this.#take(destination, held);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#leases.close();
  }

  async #wait(destination: string, held: Held): Promise<() => void> {
    while (held.unused === 0) {
      const granted = held.asking ? await held.asking : this.#ask(destination, held);
      if (granted === 0) throw busy(destination);
    }
    return this.#take(destination, held);
  }

  /** Undefined where the answer is still to come. */
  #ask(destination: string, held: Held): number | undefined {
    const granted = this.#leases.lease(destination, held.want);
    held.want = Math.min(MAX_WANT, 2 * held.want);
    if (typeof granted === 'number') {
      held.unused += granted;
      return granted;
    }
    held.asking = granted.then((count) => {
      held.asking = undefined;
      held.unused += count;
      return count;
    });
    return undefined;
  }

  #take(destination: string, held: Held): () => void {
    held.unused--;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      const now = this.#held.get(destination) ?? held;
      this.#held.set(destination, now);
      if (++now.closed >= MAX_WANT) this.#tell(destination, now, now.closed);
      this.#timer ??= setTimeout(() => this.#tidy(), SOON_MS).unref();
    };
  }

  #tell(destination: string, held: Held, count: number): boolean {
    const told = this.#leases.giveBack(destination, count);
    if (told) held.closed = 0;
    return told;
  }

  #tidy(): void {
    this.#timer = undefined;
    for (const [destination, held] of this.#held) {
      const { unused, closed } = held;
      held.want = 1;
      if (held.asking || (unused + closed > 0 && !this.#tell(destination, held, unused + closed))) continue;
      held.unused = 0;
      this.#held.delete(destination);
    }
    if (this.#held.size > 0) this.#timer = setTimeout(() => this.#tidy(), SOON_MS).unref();
  }
}

const busy = (destination: string) =>
  new DialError('destination-busy', `the node's jobs have as many connections to ${destination} as they may`);
