import type { Arrival, Result, Said } from './inside/plan.js';

/** All that probers and listeners said. */
export class Evidence {
  readonly arrivals: Arrival[] = [];
  readonly #results = new Map<string, Result[]>();

  readonly onSaid = (said: Said): void => {
    if (said.says === 'arrival') this.arrivals.push(said);
    if (said.says === 'result') this.#results.set(said.mark, [...this.results(said.mark), said]);
  };

  results(mark: string): readonly Result[] {
    return this.#results.get(mark) ?? [];
  }

  /** What came with a mark; names keep no case. */
  withMark(mark: string): readonly Arrival[] {
    // A mark ends where no other may go on: `m1` is no part of `m12`.
    return this.arrivals.filter(({ head }) => {
      const text = head.toLowerCase();
      for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) {
        if (!/\d/.test(text[at + mark.length] ?? '')) return true;
      }
      return false;
    });
  }
}
