import type { Writable } from 'node:stream';
import type { Report } from './link.js';

/** Bytes that may wait for a control plane that reads slowly. */
const MAX_WAITING = 1 << 20;

/**
 * The reports of a worker. A control plane that does not read must neither stall the proxy nor make it grow:
 * what would wait behind too much is dropped and counted, and the count is told once there is room again.
 */
export class Outbox {
  readonly #out: Writable;
  readonly #max: number;
  #dropped = 0;

  constructor(out: Writable, max = MAX_WAITING) {
    this.#out = out;
    this.#max = max;
    out.on('error', () => {}); // the end of the input tells that the control plane is gone
  }

  /** @returns false where it was dropped. */
  send(report: Report): boolean {
    if (this.#out.writableLength > this.#max) {
      this.#dropped++;
      return false;
    }
    this.#tellDropped();
    this.#write(report);
    return true;
  }

  /** Sends it whatever waits: one of the few that the control plane waits for. Settles when it is written, or cannot be. */
  insist(report: Report): Promise<void> {
    this.#tellDropped();
    return new Promise((resolve) => this.#write(report, () => resolve()));
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.#write({ is: 'dropped', count });
  }

  #write(report: Report, done?: () => void): void {
    if (this.#out.destroyed) done?.();
    else {
      // One system call for all that one turn of the event loop has to say.
      if (this.#out.writableCorked === 0) {
        this.#out.cork();
        setImmediate(() => this.#out.uncork());
      }
      this.#out.write(`${JSON.stringify(report)}\n`, () => {
        done?.();
        // Not `drain`, which comes only after a write that exceeded the stream's own mark: 16 KiB, or 64 since Node 22.
        if (this.#out.writableLength <= this.#max) this.#tellDropped();
      });
    }
  }
}
