import type { Grants } from '../budget/ledger.js';
import type { Direction } from '../policy/budget.js';
import type { ProxyReport, Wanted } from './link.js';

/** Bytes of the job's budget, from the control plane: it has them written down first. */
export class RemoteGrants implements Grants {
  readonly #id: number;
  readonly #insist: (report: ProxyReport) => void;
  /** By direction and host, in the order in which they are answered. */
  readonly #asked = new Map<string, ((bytes: number) => void)[]>();

  /** @param insist tells it whatever waits */
  constructor(id: number, insist: (report: ProxyReport) => void) {
    this.#id = id;
    this.#insist = insist;
  }

  /** An allowance that was bounded anew asks once more before it is answered: each question has its own answer. */
  grant(direction: Direction, want: number, host?: string): Promise<number> {
    const about: Wanted = { direction, bytes: want, ...(host !== undefined && { host }) };
    return new Promise((resolve) => {
      const key = keyOf(about);
      this.#asked.set(key, [...(this.#asked.get(key) ?? []), resolve]);
      this.#insist({ id: this.#id, is: 'spend', ...about });
    });
  }

  /** What the control plane said. */
  granted(wanted: Wanted): void {
    const key = keyOf(wanted);
    const [first, ...others] = this.#asked.get(key) ?? [];
    if (others.length > 0) this.#asked.set(key, others);
    else this.#asked.delete(key);
    first?.(wanted.bytes);
  }
}

const keyOf = ({ direction, host }: Wanted) => `${direction} ${host ?? ''}`;
