import { type Budget, type Direction, limitOf } from '../policy/budget.js';
import { MAX_HOSTS, OTHER_HOST } from '../report/figures.js';
import { type Clock, systemClock } from '../util/clock.js';

/** What was granted of a job's budget so far, bytes: it passed, or what had it died before. */
export interface Spent {
  readonly up: number;
  readonly down: number;
  /** Only where hosts have limits: at most 500, and all others as one (`other`). */
  readonly hosts: readonly { readonly host: string; readonly up: number; readonly down: number }[];
}

/** Who lets a proxy take bytes. */
export interface Grants {
  /**
   * Bytes that may pass from now on, at most `want`, of the job, or of what it may have with a host; fewer: there are
   * no more. They count as taken, whatever becomes of who asked.
   */
  grant(direction: Direction, want: number, host?: string): Promise<number>;
}

export interface LedgerOptions {
  /** Of those who kept it before. */
  readonly spent?: Spent;
  /** Puts it where it outlives this process. Until it settles nothing is granted; where it fails it is tried again. */
  readonly keep?: (spent: Spent) => Promise<void>;
  /** Told once for each row of failures. */
  readonly onKeepFailed?: (error: Error) => void;
  readonly clock?: Clock;
}

interface Line {
  up: number;
  down: number;
}

/** Ms after which what could not be kept is tried again. */
const AGAIN_MS = 1_000;

/**
 * The ledger of a job's budget. What a worker may take is written down before it may: a crash can count too much, by
 * what was granted and not used, and never too little.
 */
export class Ledger implements Grants {
  /** What bounds it from now on. */
  budget: Budget | null = null;
  readonly #options: LedgerOptions;
  readonly #clock: Clock;
  readonly #job: Line;
  readonly #hosts = new Map<string, Line>();
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #failing = false;
  #closed = false;

  constructor(options: LedgerOptions = {}) {
    const { spent = { up: 0, down: 0, hosts: [] }, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#job = { up: spent.up, down: spent.down };
    for (const { host, up, down } of spent.hosts) this.#hosts.set(host, { up, down });
  }

  get spent(): Spent {
    return { ...this.#job, hosts: [...this.#hosts].map(([host, line]) => ({ host, ...line })) };
  }

  /** Whether nothing more is granted in a direction, or with a host. */
  get isUsedUp(): boolean {
    const reaches = (line: Line, of: 'job' | 'host') =>
      (['up', 'down'] as const).some(
        (direction) => line[direction] >= (limitOf(this.budget, direction, of) ?? Number.POSITIVE_INFINITY),
      );
    return reaches(this.#job, 'job') || [...this.#hosts.values()].some((line) => reaches(line, 'host'));
  }

  async grant(direction: Direction, want: number, host?: string): Promise<number> {
    const limit = limitOf(this.budget, direction, host === undefined ? 'job' : 'host');
    if (limit === undefined) return want;
    const line = host === undefined ? this.#job : this.#line(host);
    const granted = Math.max(0, Math.min(want, limit - line[direction]));
    if (granted === 0) return 0;
    line[direction] += granted;
    await this.#kept();
    return granted;
  }

  /** Tries no more to keep it: who waits for a grant waits for ever. */
  close(): void {
    this.#closed = true;
  }

  #line(host: string): Line {
    const key = this.#hosts.has(host) || this.#hosts.size < MAX_HOSTS ? host : OTHER_HOST;
    let line = this.#hosts.get(key);
    if (!line) {
      line = { up: 0, down: 0 };
      this.#hosts.set(key, line);
    }
    return line;
  }

  /** One write for all that is granted while another is under way. */
  #kept(): Promise<void> {
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      this.#writing = this.#write();
      return this.#writing;
    });
    return this.#next;
  }

  async #write(): Promise<void> {
    const { keep, onKeepFailed } = this.#options;
    while (keep) {
      try {
        await keep(this.spent);
        this.#failing = false;
        return;
      } catch (error) {
        if (!this.#failing) onKeepFailed?.(error as Error);
        this.#failing = true;
      }
      await new Promise<void>((resolve) => {
        // For ever, once it is closed.
        if (!this.#closed) this.#clock.setTimeout(resolve, AGAIN_MS);
      });
    }
  }
}
