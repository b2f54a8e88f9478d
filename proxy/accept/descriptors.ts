import { readFileSync } from 'node:fs';

/** A connection has two: the job's, and the origin's. */
const PER_CONNECTION = 2;
/** For what else a process opens: look-ups, the list of interfaces, its own files. An eighth where there are few. */
const RESERVE = 512;

/** The most that connections may have open in this process, by its limit of open files as it starts; no limit elsewhere. */
function ofThisProcess(): number {
  try {
    const soft = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
    return soft > 0 ? soft - Math.min(RESERVE, Math.ceil(soft / 8)) : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Shares a process's descriptors among its jobs, so that none uses up those of another: the first half goes to whoever
 * comes, of the second half each job has an equal part. Beyond that a connection is refused, before the kernel has to.
 */
export class Descriptors {
  readonly #most: number;
  #jobs = 0;
  #open = 0;

  constructor(most = ofThisProcess()) {
    this.#most = most;
  }

  /** The share of a job, until it is closed. */
  share(): DescriptorShare {
    this.#jobs++;
    let own = 0;
    return {
      acquire: () => {
        const [all, mine] = [this.#open + PER_CONNECTION, own + PER_CONNECTION];
        const free = all <= this.#most / 2 || mine <= this.#most / 2 / this.#jobs;
        if (all > this.#most || !free) return undefined;
        this.#open = all;
        own = mine;
        return () => {
          this.#open -= PER_CONNECTION;
          own -= PER_CONNECTION;
        };
      },
      close: () => {
        this.#jobs--;
      },
    };
  }
}

export interface DescriptorShare {
  /** Takes those of a connection, and gives what gives them back; undefined where there are none for this job. */
  acquire(): (() => void) | undefined;
  close(): void;
}

/** One for all proxies of the process: it is the process that has the limit. */
export const descriptors = new Descriptors();
