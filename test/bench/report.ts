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
  /** For each second that the measured process ran: what a busy machine changes least. */
  readonly perCpuSecond?: readonly number[] | undefined;
  /** Share of a core, %, of the measured process and of what loads it. */
  readonly cpu?: { readonly measured?: number | undefined; readonly load: number } | undefined;
}

const HEAD = [
  '',
  'of',
  'median',
  'unit',
  'ratio to direct',
  'per second of CPU',
  'lowest–highest',
  'CPU',
  'CPU of the load',
];
/** Columns that a reader of the docs needs. */
const BRIEF = 6;

/** The figures as tables of Markdown, one for each section; `brief` without what is about the measurement itself. */
export function tables(figures: readonly Figure[], { brief = false } = {}): string {
  return [...new Set(figures.map(({ section }) => section))]
    .map((name) => {
      const all = figures.filter(({ section }) => section === name);
      const rows = [HEAD, ...all.map(cells)];
      return `${name}\n\n${table(brief ? rows.map((row) => row.slice(0, BRIEF)) : rows)}`;
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

function cells({ name, of, unit, rounds, ratios, perCpuSecond, cpu }: Figure): string[] {
  const share = (percent: number | undefined) => (percent === undefined ? '' : `${Math.round(percent)} %`);
  return [
    name,
    of,
    format(median(rounds)),
    unit,
    ratios ? median(ratios).toFixed(2) : '',
    perCpuSecond ? format(median(perCpuSecond)) : '',
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
  const used = (rows[0] ?? []).filter((_, column) => column < 4 || rows.slice(1).some((row) => row[column]));
  const columns = used.map((name) => (rows[0] ?? []).indexOf(name));
  const widths = columns.map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length), 3));
  const line = (row: readonly string[]) =>
    `| ${columns.map((column, i) => (row[column] ?? '').padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...body.map(line)].join(
    '\n',
  );
}
