import { targetText } from '../job/decision-text.js';
import { visible } from '../visible.js';
import type { Summary } from './summary.js';
import { age, short } from './units.js';

const GAP = '  ';
/** A name, a job and a host have at least so much, columns. */
const LEAST = 8;

/** Of several jobs with one id the execution says which. */
function title({ job, execution }: Summary, all: readonly Summary[]): string {
  return execution !== undefined && all.some((other) => other.job === job && other.execution !== execution)
    ? `${job}/${execution}`
    : job;
}

function state({ state: name, exitCode }: Summary): string {
  return name === 'ended' && exitCode !== undefined ? `exit ${exitCode}` : name;
}

/**
 * The table of `ps`, made to fit so many columns by cutting the names of jobs and hosts.
 *
 * @param now ms since 1970
 */
export function table(
  all: readonly Summary[],
  { now, columns = Number.POSITIVE_INFINITY }: { now: number; columns?: number | undefined },
): string {
  const both = ({ down, up }: Summary['rate']) => `${short(down)}/${short(up)}`;
  const isNamed = all.some(({ name }) => name !== undefined);
  const rows = [
    [
      ...(isNamed ? ['NAME'] : []),
      ...['JOB', 'STATE', 'AGE', 'BIT/S ↓/↑', 'BYTES ↓/↑', 'REFUSED', 'TOP REFUSED'],
    ],
    ...all.map((one) => [
      ...(isNamed ? [visible(one.name ?? one.job)] : []),
      visible(title(one, all)),
      visible(state(one)),
      age(now - Date.parse(one.created)),
      both(one.rate),
      both(one.bytes),
      short(one.refused),
      visible(one.topRefused ? targetText(one.topRefused) : ''),
    ]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  narrow(widths, columns, [0, ...(isNamed ? [1] : []), widths.length - 1]);
  const line = (row: readonly string[]) =>
    row.map((cell, i) => cut(cell, widths[i] ?? 0).padEnd(widths[i] ?? 0)).join(GAP);
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

/** Some columns share what is left by the others, each what it needs where that is less than its share. */
function narrow(widths: number[], columns: number, flexible: readonly number[]): void {
  const others = widths.reduce((sum, width, i) => sum + (flexible.includes(i) ? 0 : width), 0);
  let left = Math.max(flexible.length * LEAST, columns - others - GAP.length * (widths.length - 1));
  const width = (i: number) => widths[i] ?? 0;
  for (const [done, i] of [...flexible].sort((a, b) => width(a) - width(b)).entries()) {
    widths[i] = Math.min(width(i), Math.floor(left / (flexible.length - done)));
    left -= width(i);
  }
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
