import type { WorkerLink } from './worker-link.js';

/** Ms between looks. */
const LOOK_MS = 250;
/** From its start to a worker's first word, ms: it has to load, and the machine may be busy. */
const START_MS = 60_000;

interface Watched {
  readonly link: WorkerLink;
  readonly silentMs: number;
  readonly onStuck: (why: string) => void;
  /** Lines at the last look, and looks without a new one. */
  heard: number;
  silent: number;
}

/** Finds the workers that are stuck: alive, and silent. One timer for all that this process has. */
class Heartbeats {
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  /** Until the end of a worker: calls `onStuck` whenever it has said nothing for so many ms. */
  watch(link: WorkerLink, silentMs: number, onStuck: (why: string) => void): void {
    const watched: Watched = { link, silentMs, onStuck, heard: link.heard, silent: 0 };
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
      watched.silent = heard === watched.heard ? watched.silent + LOOK_MS : 0;
      watched.heard = heard;
      const most = heard > 0 ? watched.silentMs : START_MS;
      if (watched.silent < most) continue;
      // Told again as long as it is there: killing it may have failed.
      watched.silent = 0;
      watched.onStuck(`it said nothing for ${most} ms`);
    }
  }
}

export const heartbeats = new Heartbeats();
