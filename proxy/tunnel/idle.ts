/** What can be idle. */
export interface Idler {
  /** Grows with every byte in either direction. */
  activity(): number;
  /** Whether bytes wait for the limiter; that is not idle. */
  waiting(): boolean;
  /** It has lasted for a while. */
  lasting(): void;
  /** It was idle for the whole time. */
  idle(): void;
}

interface Watched {
  activity: number;
  lasting: boolean;
  /** Looks without a byte. */
  looks: number;
}

/** So many looks in the allowed time: what is idle ends at most a quarter late. */
const LOOKS = 4;

/** Ends what is idle for too long: one timer for all, and none while there is nothing to watch. */
export class IdleWatch {
  readonly #watched = new Map<Idler, Watched>();
  readonly #period: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param idleMs how long without a byte */
  constructor(idleMs: number) {
    this.#period = Math.max(10, Math.ceil(idleMs / LOOKS));
  }

  add(idler: Idler): void {
    this.#watched.set(idler, { activity: idler.activity(), lasting: false, looks: 0 });
    this.#timer ??= setInterval(() => this.#look(), this.#period).unref();
  }

  delete(idler: Idler): void {
    this.#watched.delete(idler);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const [idler, watched] of this.#watched) {
      if (!watched.lasting) idler.lasting();
      watched.lasting = true;
      const activity = idler.activity();
      if (activity !== watched.activity || idler.waiting()) {
        watched.activity = activity;
        watched.looks = 0;
      } else if (++watched.looks > LOOKS) {
        idler.idle();
      }
    }
  }
}
