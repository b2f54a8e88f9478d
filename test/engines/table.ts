/**
 * `tsx test/engines/table.ts FILE [--docs]`: the table of the rows that test/engines.sh had measured; `--docs` puts it into
 * docs/engines.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Placement } from '../../docker/gateway/owned-network.js';

/** What one engine does at one placement. */
export interface Row {
  /** `Podman 5.4.2, rootless` */
  readonly engine: string;
  /** Of Debian. */
  readonly release: string;
  readonly placement: Placement;
  holds: boolean;
  /** What jobgate says of a placement that it refuses. */
  why?: string;
  /** Whether `jobgate serve` opens gateways. */
  serve: string;
  /** Limits of a container that the engine took no notice of here. */
  limits: string;
}

const PAGE = fileURLToPath(new URL('../../docs/engines.md', import.meta.url));
const TABLE = /(<!-- engines: .* -->\n).*?(<!-- end -->)/s;

/** The rows as a table, a line for each engine, and what is said where a placement is refused. */
export function table(rows: readonly Row[]): string {
  const engines = [...new Set(rows.map(({ engine, release }) => `${engine}|${release}`))];
  const notes = [...new Set(rows.flatMap(({ why }) => (why === undefined ? [] : [why])))];
  const cell = (row: Row | undefined) =>
    !row ? 'not measured' : row.why === undefined ? 'holds' : `refused (${notes.indexOf(row.why) + 1})`;
  const lines = engines.map((key) => {
    const [engine, release] = key.split('|');
    const of = (placement: Placement) =>
      rows.find((row) => `${row.engine}|${row.release}` === key && row.placement === placement);
    const container = of('container');
    const cells = [
      engine,
      release,
      cell(of('host')),
      cell(container),
      container?.serve,
      container?.limits || 'none',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| engine | Debian | gateways on the host | in containers | `serve` | limits not kept here |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
    ...notes.map((why, i) => `${i + 1}. \`${why}\``),
  ].join('\n');
}

/** The page with its table as it was measured. @throws Error where it has none */
export function refreshed(page: string, rows: readonly Row[]): string {
  if (!TABLE.test(page)) throw new Error('docs/engines.md has no table');
  return page.replace(TABLE, (_, begin: string, end: string) => `${begin}\n${table(rows)}\n\n${end}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = '', docs] = process.argv.slice(2);
  const rows = readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
  process.stdout.write(`${table(rows)}\n`);
  if (docs === '--docs') writeFileSync(PAGE, refreshed(readFileSync(PAGE, 'utf8'), rows));
}
