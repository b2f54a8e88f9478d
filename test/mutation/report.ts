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
const ROW = /^\| ([\w/-]+\/[\w/-]+) \| ([\d |]+) \|/gm;

/** By folder, how many had each outcome. */
type Counts = ReadonlyMap<string, readonly number[]>;

export function countsOf(results: readonly Result[]): Counts {
  const counts = new Map<string, number[]>();
  for (const { mutant, outcome } of results) {
    const own = counts.get(dirname(mutant.file)) ?? COLUMNS.map(() => 0);
    own[COLUMNS.indexOf(outcome)] = (own[COLUMNS.indexOf(outcome)] ?? 0) + 1;
    counts.set(dirname(mutant.file), own);
  }
  return counts;
}

/** A line for each folder, and one for all, in Markdown. `noticed`: of those that are not excused. */
export function table(counts: Counts): string {
  const row = (name: string, own: readonly number[]) => {
    const [killed = 0, stuck = 0, excused = 0] = own;
    const all = own.reduce((sum, count) => sum + count, 0);
    const noticed = ((killed + stuck) * 100) / Math.max(all - excused, 1);
    return [name, all, ...own, `${noticed.toFixed(1)} %`];
  };
  const sums = COLUMNS.map((_, i) => [...counts.values()].reduce((sum, own) => sum + (own[i] ?? 0), 0));
  const rows = [
    ['folder', 'changes', ...COLUMNS, 'noticed'],
    ['---', ...Array(COLUMNS.length + 2).fill('---:')],
    ...[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([folder, own]) => row(folder, own)),
    row('all', sums),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Puts the table where the page has its place for it: other folders' lines stay. */
export function writeFigures(
  results: readonly Result[],
  { each, from }: { each: number; from: number },
): void {
  const text = readFileSync(PAGE, 'utf8');
  if (!PLACE.test(text)) throw new Error('docs/mutation.md has no place for its table');
  const changed = (body: string) => {
    const before = [...body.matchAll(ROW)].map(
      ([, folder = '', numbers = '']) => [folder, numbers.split(' | ').map(Number).slice(1)] as const,
    );
    const which = each === 1 ? 'All of them' : `Each ${each}th of them (\`--each ${each} --from ${from}\`)`;
    return `\n${which}:\n\n${table(new Map([...before, ...countsOf(results)]))}\n\n`;
  };
  writeFileSync(
    PAGE,
    text.replace(PLACE, (_, begin: string, body: string, end: string) => begin + changed(body) + end),
  );
}
