import { readFileSync, writeFileSync } from 'node:fs';
import { type Figure, tables } from './report.js';

const PAGE = new URL('../../docs/benchmarks.md', import.meta.url);
const PLACE = /(<!-- benchmarks: npm run bench -- --peers --docs -->\n)([\s\S]*?)(<!-- end -->)/;
const NODE = /^(?=## Node \d+$)/m;

/** Puts the tables where the page has its place for them: those of other major versions of Node stay. */
export function writeDocs(machine: string, figures: readonly Figure[]): void {
  const text = readFileSync(PAGE, 'utf8');
  if (!PLACE.test(text)) throw new Error('docs/benchmarks.md has no place for benchmarks');
  const heading = `## Node ${process.versions.node.split('.', 1)[0]}`;
  const own = `${heading}\n\n${machine}:\n\n${tables(figures, { brief: true })}\n\n`;
  const changed = (body: string) => {
    const others = body.split(NODE).filter((one) => NODE.test(one) && !one.startsWith(`${heading}\n`));
    return `\n${[...others, own].sort().join('')}`;
  };
  writeFileSync(
    PAGE,
    text.replace(PLACE, (_, begin: string, body: string, end: string) => begin + changed(body) + end),
  );
}
