import type { Arrival, Result, Said } from './inside/plan.js';

/** Of one mark so many results are kept, and so many arrivals at one listener: more of the same tell nothing. */
const KEPT = 100;
/** As `Marks` makes them. It ends where no other may go on: `m1` is no part of `m12`. */
const MARK = /jgv[0-9a-f]{8}m\d+/g;

/** All that probers and listeners said. What comes to a listener without a mark that was given is not kept. */
export class Evidence {
  readonly #isMark: (text: string) => boolean;
  readonly #arrivals = new Map<string, Arrival[]>();
  readonly #results = new Map<string, Result[]>();

  constructor(isMark: (text: string) => boolean) {
    this.#isMark = isMark;
  }

  readonly onSaid = (said: Said): void => {
    if (said.says === 'result') keep(this.#results, said.mark, said, () => true);
    if (said.says !== 'arrival') return;
    // Names keep no case.
    for (const mark of new Set(said.head.toLowerCase().match(MARK))) {
      if (!this.#isMark(mark)) continue;
      keep(this.#arrivals, mark, said, ({ at, over }) => at === said.at && over === said.over);
    }
  };

  results(mark: string): readonly Result[] {
    return this.#results.get(mark) ?? [];
  }

  /** What came with a mark. */
  withMark(mark: string): readonly Arrival[] {
    return this.#arrivals.get(mark) ?? [];
  }
}

function keep<T>(all: Map<string, T[]>, mark: string, one: T, isAlike: (other: T) => boolean): void {
  const kept = all.get(mark) ?? [];
  if (kept.filter(isAlike).length >= KEPT) return;
  kept.push(one);
  all.set(mark, kept);
}
