import type { Leases } from '../dial/destination-caps.js';
import type { ProxyReport } from './link.js';

/** Leave to connect, from the control plane: it knows what the other workers have. */
export class RemoteLeases implements Leases {
  readonly #id: number;
  readonly #tell: (report: ProxyReport) => boolean;
  readonly #asked = new Map<string, (count: number) => void>();

  /** @param tell false where it went nowhere */
  constructor(id: number, tell: (report: ProxyReport) => boolean) {
    this.#id = id;
    this.#tell = tell;
  }

  /** One question for a destination at a time. None is given by a control plane that does not read. */
  lease(destination: string, want: number): number | Promise<number> {
    if (!this.#tell({ id: this.#id, is: 'lease', destination, count: want })) return 0;
    return new Promise((resolve) => this.#asked.set(destination, resolve));
  }

  giveBack(destination: string, count: number): boolean {
    return this.#tell({ id: this.#id, is: 'give-back', destination, count });
  }

  /** The control plane sees for itself that its proxy is closed: only who waits is told. */
  close(): void {
    for (const asked of this.#asked.values()) asked(0);
    this.#asked.clear();
  }

  /** What the control plane said. */
  given({ destination, count }: { destination: string; count: number }): void {
    const asked = this.#asked.get(destination);
    this.#asked.delete(destination);
    asked?.(count);
  }
}
