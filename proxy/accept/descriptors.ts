import { mostOpenFiles } from '../util/own-process.js';

/** A connection has two: the job's, and the origin's. */
const PER_CONNECTION = 2;
/** For what else a process opens: look-ups, the list of interfaces, its own files. An eighth where there are few. */
const RESERVE = 512;

/** The most that connections may have open in this process, by its limit of open files as it starts; no limit elsewhere. */
function ofThisProcess(): number {
  const most = mostOpenFiles();
  return most > 0 ? most - Math.min(RESERVE, Math.ceil(most / 8)) : Number.POSITIVE_INFINITY;
}

/** What a job has open. */
interface Holding {
  open: number;
}

/**
 * Shares a process's descriptors among its jobs, so that none uses up those of another: one half in equal parts, the
 * other for whoever has more than its part. A connection beyond is refused, before the kernel has to. A job that is alone
 * has all; one that comes then waits for what it gives back.
 */
export class Descriptors {
  readonly #most: number;
  readonly #jobs = new Set<Holding>();

  constructor(most = ofThisProcess()) {
    this.#most = most;
  }

  /** The share of a job, until it is closed. */
  share(): DescriptorShare {
    const mine: Holding = { open: 0 };
    this.#jobs.add(mine);
    return {
      acquire: () => {
        if (!this.#has(mine)) return undefined;
        mine.open += PER_CONNECTION;
        return () => {
          mine.open -= PER_CONNECTION;
        };
      },
      close: () => {
        this.#jobs.delete(mine);
      },
    };
  }

  #has({ open }: Holding): boolean {
    const half = this.#most / 2;
    const part = half / this.#jobs.size;
    let all = PER_CONNECTION;
    let beyond = 0;
    for (const job of this.#jobs) {
      all += job.open;
      beyond += Math.max(0, job.open - part);
    }
    if (all > this.#most) return false;
    return open + PER_CONNECTION <= part || beyond + PER_CONNECTION <= half;
  }
}

export interface DescriptorShare {
  /** Takes those of a connection, and gives what gives them back; undefined where there are none for this job. */
  acquire(): (() => void) | undefined;
  close(): void;
}

/** One for all proxies of the process: it is the process that has the limit. */
export const descriptors = new Descriptors();
