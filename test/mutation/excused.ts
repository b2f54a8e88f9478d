import { readFileSync } from 'node:fs';
import type { Mutant } from './mutants.js';
import type { Result } from './report.js';

/** A mutant that may survive. Without the number of its line, which changes with every other one. */
type Excuse = Pick<Mutant, 'file' | 'code' | 'change'> & { readonly why: string };

/** What excused.json says. */
export class Excused {
  readonly #all: ReadonlyMap<string, Excuse>;

  constructor(path = new URL('excused.json', import.meta.url)) {
    const all: Excuse[] = JSON.parse(readFileSync(path, 'utf8'));
    this.#all = new Map(all.map((excuse) => [keyOf(excuse), excuse]));
  }

  has(mutant: Mutant): boolean {
    return this.#all.has(keyOf(mutant));
  }

  /** Excuses of files that were looked at, for what did not survive. */
  stale(results: readonly Result[]): string[] {
    const used = new Set(
      results.filter(({ outcome }) => outcome === 'excused').map(({ mutant }) => keyOf(mutant)),
    );
    const files = new Set(results.map(({ mutant }) => mutant.file));
    return [...this.#all.keys()].filter((key) => files.has(this.#all.get(key)?.file ?? '') && !used.has(key));
  }
}

const keyOf = ({ file, code, change }: Pick<Mutant, 'file' | 'code' | 'change'>) =>
  `${file}: ${code}: ${change}`;
