import { median } from './stats.js';

/** Something measured, once in each round. */
export interface Figure {
  readonly section: string;
  readonly name: string;
  /** Whose figure it is: `direct`, `jobgate`, `squid`, … */
  readonly of: string;
  readonly unit: string;
  readonly rounds: readonly number[];
  /** Against a direct connection in the same round. */
  readonly ratios?: readonly number[] | undefined;
  /** Share of a core, %, of the measured process and of what loads it. */
  readonly cpu?: { readonly measured?: number | undefined; readonly load: number } | undefined;
}

const HEAD = ['', 'of', 'median', 'unit', 'ratio to direct', 'lowest–highest', 'CPU', 'CPU of the load'];

/** The figures as tables of Markdown, one for each section. */
export function tables(figures: readonly Figure[]): string {
  return [...new Set(figures.map(({ section }) => section))]
    .map((name) => {
      const all = figures.filter(({ section }) => section === name);
      return `${name}\n\n${table([HEAD, ...all.map(cells)])}`;
    })
    .join('\n\n');
}

/** What `--json` writes. */
export function asJson(machine: string, figures: readonly Figure[]): string {
  const all = figures.map((figure) => ({
    ...figure,
    median: median(figure.rounds),
    ...(figure.ratios && { ratio: median(figure.ratios) }),
  }));
  return `${JSON.stringify({ machine, date: new Date().toISOString(), figures: all }, null, 2)}\n`;
}

function cells({ name, of, unit, rounds, ratios, cpu }: Figure): string[] {
  const share = (percent: number | undefined) => (percent === undefined ? '' : `${Math.round(percent)} %`);
  return [
    name,
    of,
    format(median(rounds)),
    unit,
    ratios ? median(ratios).toFixed(2) : '',
    `${format(Math.min(...rounds))}–${format(Math.max(...rounds))}`,
    share(cpu?.measured),
    share(cpu?.load),
  ];
}

/** Three digits that count; thousands as they are. */
function format(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  const digits = Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  // Fairness: what matters is the distance to 1.
  return value > 0.99 && value < 1 ? value.toFixed(5) : value.toFixed(digits);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length), 3));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join(
    '\n',
  );
}
