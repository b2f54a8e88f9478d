import type { Logger } from '../../proxy/policy/logger.js';
import { FirewallError } from './firewall.js';
import { isStarved } from './starved.js';

/** So many times in a row nothing may be seen, for want of descriptors, processes or memory, before gateways close. */
const UNSEEN = 10;

/** What a lock-down went through since it was made. */
export interface LockdownFigures {
  readonly checks: number;
  /** Times that rules were missing or changed while a gateway was open, and were put back. */
  readonly repairs: number;
  /** Times that they could not be put back. */
  readonly failures: number;
  /** Absent as long as it has never stood. */
  readonly standing?: Standing;
}

/** How it was when it was looked at last. */
export interface Standing {
  /** Wall clock, ms since 1970. */
  readonly time: number;
  /** Why it does not stand, or cannot be seen to. */
  readonly problem?: string;
}

interface Watch {
  readonly onLost: (error: Error) => void;
  readonly check: (() => void) | undefined;
}

interface LockdownWatchOptions {
  /** Verifies and mends; tells whether it had to. */
  readonly ensure: () => Promise<boolean>;
  readonly intervalMs: number;
  readonly logger: Logger | undefined;
}

/** One timer for all who want the lock-down kept, as long as there are any. It does not keep the process alive. */
export class LockdownWatch {
  readonly figures = { repairs: 0, failures: 0 };
  readonly #options: LockdownWatchOptions;
  readonly #watches = new Set<Watch>();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #unseen = 0;

  constructor(options: LockdownWatchOptions) {
    this.#options = options;
  }

  /** Whether anybody wants the lock-down kept. */
  get active(): boolean {
    return this.#watches.size > 0;
  }

  add(onLost: Watch['onLost'], check: Watch['check']): Disposable {
    const watch = { onLost, check };
    this.#watches.add(watch);
    this.#schedule();
    return {
      [Symbol.dispose]: () => {
        this.#watches.delete(watch);
        if (this.#watches.size > 0) return;
        clearTimeout(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  #schedule(): void {
    if (this.#timer || this.#busy || this.#watches.size === 0) return;
    this.#timer = setTimeout(() => void this.#tick(), this.#options.intervalMs);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    this.#busy = true;
    try {
      if (await this.#options.ensure()) this.figures.repairs++;
      const unseen = this.#unseen;
      for (const watch of [...this.#watches]) this.#check(watch, unseen);
      if (this.#unseen === unseen) this.#unseen = 0;
    } catch (error) {
      if (
        error instanceof FirewallError &&
        error.kind === 'starved' &&
        this.#mayBeUnseen(error, this.#unseen)
      )
        return;
      this.figures.failures++;
      this.#options.logger?.error({ err: error }, 'the lock-down is lost: closing the gateways');
      for (const watch of [...this.#watches]) this.#lose(watch, error);
    } finally {
      this.#busy = false;
      this.#schedule();
    }
  }

  #check(watch: Watch, unseen: number): void {
    try {
      watch.check?.();
    } catch (error) {
      if (isStarved(error) && this.#mayBeUnseen(error, unseen)) return;
      this.#options.logger?.error({ err: error }, 'a gateway cannot be kept safe: closing it');
      this.#lose(watch, error);
    }
  }

  /** That it could not be looked at is not that it is gone: for a while it is looked at again. */
  #mayBeUnseen(error: unknown, before: number): boolean {
    this.#unseen = before + 1;
    if (this.#unseen >= UNSEEN) return false;
    if (before === 0) this.#options.logger?.warn({ err: error }, 'the lock-down cannot be verified for now');
    return true;
  }

  #lose(watch: Watch, error: unknown): void {
    this.#watches.delete(watch);
    watch.onLost(error as Error);
  }
}
