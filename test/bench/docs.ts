import { readFileSync, writeFileSync } from 'node:fs';
import { type Figure, tables } from './report.js';

const PAGE = new URL('../../docs/benchmarks.md', import.meta.url);
const PLACE = /(<!-- benchmarks: npm run bench -- --peers --docs -->\n)[\s\S]*?(<!-- end -->)/;

/** Puts the tables where the page has its place for them. */
export function writeDocs(machine: string, figures: readonly Figure[]): void {
  const text = readFileSync(PAGE, 'utf8');
  if (!PLACE.test(text)) throw new Error('docs/benchmarks.md has no place for benchmarks');
  const body = `\n${machine}:\n\n${tables(figures, { brief: true })}\n\n`;
  writeFileSync(
    PAGE,
    text.replace(PLACE, (_, begin: string, end: string) => begin + body + end),
  );
}
