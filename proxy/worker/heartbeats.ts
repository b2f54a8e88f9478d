import { readFileSync } from 'node:fs';
import type { WorkerLink } from './worker-link.js';

/** Ms between looks. */
const LOOK_MS = 250;
/** From its start to a worker's first word, ms: it has to load, and the machine may be busy. */
const START_MS = 60_000;

/** A worker whose machine has no time for it is spared for so long, ms. */
const STARVED_MS = 20_000;

interface Watched {
  readonly link: WorkerLink;
  /** Where it is a process of this machine. */
  readonly pid: number | undefined;
  readonly silentMs: number;
  readonly onStuck: (why: string) => void;
  /** Lines at the last look. */
  heard: number;
  /** Since the last new one: ms in all, and of these those in which it did not lack a processor. */
  quiet: number;
  silent: number;
  /** What it had of processors by the last look, where it was ready to go on, ms. */
  had: number | undefined;
}

/** Finds the workers that are stuck: alive, and silent. One timer for all that this process has. */
class Heartbeats {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  /**
   * Until the end of a worker: calls `onStuck` whenever it has said nothing for so many ms. Time in which it lacks a
   * processor does not count: on a busy machine others would do no better, and opening their gateways is more work.
   */
  watch(
    { link, pid }: { readonly link: WorkerLink; readonly pid?: number | undefined },
    silentMs: number,
    onStuck: (why: string) => void,
  ): void {
    const watched: Watched = {
      ...{ link, pid, silentMs, onStuck, heard: link.heard },
      ...{ quiet: 0, silent: 0, had: undefined },
    };
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    void link.ended.then(() => this.#forget(watched));
  }

  #forget(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    const late = now - this.#lookedAt > 2 * LOOK_MS;
    this.#lookedAt = now;
    // This process was held up itself: what the workers said meanwhile is still to be read.
    if (late) return;
    for (const watched of this.#watched) {
      const { heard } = watched.link;
      if (heard !== watched.heard) {
        Object.assign(watched, { heard, quiet: 0, silent: 0, had: undefined });
        continue;
      }
      const had = hadOfProcessors(watched.pid);
      const lacked = had === undefined ? 0 : LOOK_MS - (had - (watched.had ?? had - LOOK_MS));
      watched.quiet += LOOK_MS;
      watched.silent += LOOK_MS - Math.max(0, lacked);
      watched.had = had;
      const most = heard > 0 ? watched.silentMs : START_MS;
      if (watched.silent < most && watched.quiet < STARVED_MS) continue;
      // Told again as long as it is there: killing it may have failed.
      const { quiet } = watched;
      Object.assign(watched, { quiet: 0, silent: 0 });
      watched.onStuck(`it said nothing for ${quiet} ms`);
    }
  }
}

/**
 * What the thread that does a process's work had of processors, ms, where it is ready to go on; undefined where it waits
 * for something else, is stopped, or cannot be looked at.
 */
function hadOfProcessors(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/stat`, 'latin1');
    // Behind the name, which may be anything (proc_pid_stat(5)); times are in hundredths of a second.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'R' ? (Number(fields[11]) + Number(fields[12])) * 10 : undefined;
  } catch {
    return undefined;
  }
}

export const heartbeats = new Heartbeats();
