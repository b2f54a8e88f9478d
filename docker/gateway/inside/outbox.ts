import type { Writable } from 'node:stream';
import type { LinkReport } from '../gateway-link.js';

/** Bytes that may wait for a parent that reads slowly. */
const MAX_WAITING = 1 << 20;

/**
 * The reports of a gateway in a container. A parent that does not read must neither stall the proxy nor make it grow:
 * what would wait behind too much is dropped and counted, and the count is told once there is room again.
 */
export class Outbox {
  readonly #out: Writable;
  readonly #max: number;
  #dropped = 0;

  constructor(out: Writable, max = MAX_WAITING) {
    this.#out = out;
    this.#max = max;
    out.on('error', () => {}); // the end of the input tells that the parent is gone
  }

  /** @returns false where it was dropped. */
  send(report: LinkReport): boolean {
    if (this.#out.writableLength > this.#max) {
      this.#dropped++;
      return false;
    }
    this.#tellDropped();
    this.#write(report);
    return true;
  }

  /** Sends it whatever waits: one of the few that the parent waits for. Settles when it is written, or cannot be. */
  insist(report: LinkReport): Promise<void> {
    this.#tellDropped();
    return new Promise((resolve) => this.#write(report, () => resolve()));
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.#write({ is: 'dropped', count });
  }

  #write(report: LinkReport, done?: () => void): void {
    if (this.#out.destroyed) done?.();
    else {
      this.#out.write(`${JSON.stringify(report)}\n`, () => {
        done?.();
        // Not `drain`, which comes only after a write that exceeded the stream's own mark: 16 KiB, or 64 since Node 22.
        if (this.#out.writableLength <= this.#max) this.#tellDropped();
      });
    }
  }
}
