import type { Grants } from '../budget/ledger.js';
import type { Direction } from '../policy/budget.js';
import type { ProxyReport, Wanted } from './link.js';

/** Bytes of the job's budget, from the control plane: it has them written down first. */
export class RemoteGrants implements Grants {
  readonly #id: number;
  readonly #insist: (report: ProxyReport) => void;
  readonly #asked = new Map<string, (bytes: number) => void>();

  /** @param insist tells it whatever waits */
  constructor(id: number, insist: (report: ProxyReport) => void) {
    this.#id = id;
    this.#insist = insist;
  }

  /** One question for each direction of a host at a time, which is what allowances ask; of an older one comes nothing. */
  grant(direction: Direction, want: number, host?: string): Promise<number> {
    const about: Wanted = { direction, bytes: want, ...(host !== undefined && { host }) };
    return new Promise((resolve) => {
      this.#asked.set(keyOf(about), resolve);
      this.#insist({ id: this.#id, is: 'spend', ...about });
    });
  }

  /** What the control plane said. */
  granted(wanted: Wanted): void {
    const key = keyOf(wanted);
    const asked = this.#asked.get(key);
    this.#asked.delete(key);
    asked?.(wanted.bytes);
  }
}

const keyOf = ({ direction, host }: Wanted) => `${direction} ${host ?? ''}`;
