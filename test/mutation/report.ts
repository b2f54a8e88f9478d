import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Mutant } from './mutants.js';

/** `stuck`: tests that did not end, which would be seen as well. `no test`: no unit test comes there. */
export type Outcome = 'killed' | 'stuck' | 'survived' | 'excused' | 'no test';

export interface Result {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
}

const PAGE = new URL('../../docs/mutation.md', import.meta.url);
const PLACE = /(<!-- mutation: npm run mutation -- --docs -->\n)([\s\S]*?)(<!-- end -->)/;
const COLUMNS: readonly Outcome[] = ['killed', 'stuck', 'excused', 'survived', 'no test'];
const ROW = /^\| ([\w/-]+\/[\w/-]+) \| (all|\d+\/\d+) \| ([\d |]+) \|/gm;

/** Of a folder: how many had each outcome, of `all` of its changes, or of one in so many (`33/60`: from 33 each 60th). */
interface Counts {
  readonly of: string;
  readonly outcomes: number[];
}

export function countsOf(results: readonly Result[], of: string): Map<string, Counts> {
  const counts = new Map<string, Counts>();
  for (const { mutant, outcome } of results) {
    const folder = dirname(mutant.file);
    const own = counts.get(folder) ?? { of, outcomes: COLUMNS.map(() => 0) };
    own.outcomes[COLUMNS.indexOf(outcome)] = (own.outcomes[COLUMNS.indexOf(outcome)] ?? 0) + 1;
    counts.set(folder, own);
  }
  return counts;
}

/** A line for each folder, and one for all, in Markdown. `noticed`: of those that are not excused. */
export function table(counts: ReadonlyMap<string, Counts>): string {
  const row = (name: string, of: string, own: readonly number[]) => {
    const [killed = 0, stuck = 0, excused = 0] = own;
    const all = own.reduce((sum, count) => sum + count, 0);
    const noticed = ((killed + stuck) * 100) / Math.max(all - excused, 1);
    return [name, of, all, ...own, `${noticed.toFixed(1)} %`];
  };
  const sums = COLUMNS.map((_, i) =>
    [...counts.values()].reduce((sum, { outcomes }) => sum + (outcomes[i] ?? 0), 0),
  );
  const rows = [
    ['folder', 'of', 'changes', ...COLUMNS, 'noticed'],
    ['---', '---', ...Array(COLUMNS.length + 2).fill('---:')],
    ...[...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { of, outcomes }]) => row(name, of, outcomes)),
    row('together', '', sums),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Puts the table where the page has its place for it: other folders' lines stay. */
export function writeFigures(counts: ReadonlyMap<string, Counts>): void {
  const text = readFileSync(PAGE, 'utf8');
  if (!PLACE.test(text)) throw new Error('docs/mutation.md has no place for its table');
  const changed = (body: string) => {
    const before = [...body.matchAll(ROW)].map(([, folder = '', of = '', numbers = '']) => {
      const outcomes = numbers.split(' | ').map(Number).slice(1);
      return [folder, { of, outcomes }] as const;
    });
    return `\n${table(new Map([...before, ...counts]))}\n\n`;
  };
  writeFileSync(
    PAGE,
    text.replace(PLACE, (_, begin: string, body: string, end: string) => begin + changed(body) + end),
  );
}
