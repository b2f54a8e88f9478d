import { readFileSync, writeFileSync } from 'node:fs';
import { type Figure, tables } from './report.js';

const README = new URL('../../README.md', import.meta.url);
const PLACE = /(<!-- benchmarks: npm run bench -- --peers --readme -->\n)[\s\S]*?(<!-- end -->)/;

/** Puts the tables where the README has its place for them. */
export function writeReadme(machine: string, figures: readonly Figure[]): void {
  const text = readFileSync(README, 'utf8');
  if (!PLACE.test(text)) throw new Error('the README has no place for benchmarks');
  const body = `\n${machine}:\n\n${tables(figures, { brief: true })}\n\n`;
  writeFileSync(
    README,
    text.replace(PLACE, (_, begin: string, end: string) => begin + body + end),
  );
}
