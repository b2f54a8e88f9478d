import { targetText } from '../job/decision-text.js';
import { visible } from '../terminal.js';
import type { Summary } from './summary.js';
import { age, short } from './units.js';

const GAP = '  ';
/** A job and a host have at least so much, columns. */
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
  const rows = [
    ['JOB', 'STATE', 'AGE', 'BIT/S ↓/↑', 'BYTES ↓/↑', 'REFUSED', 'TOP REFUSED'],
    ...all.map((one) => [
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
  narrow(widths, columns);
  const line = (row: readonly string[]) =>
    row.map((cell, i) => cut(cell, widths[i] ?? 0).padEnd(widths[i] ?? 0)).join(GAP);
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

/** The job's and the host's share what is left, each what it needs where that is less than half. */
function narrow(widths: number[], columns: number): void {
  const [job = 0, host = 0] = [widths[0], widths.at(-1)];
  const others = widths.slice(1, -1).reduce((sum, width) => sum + width, 0);
  const left = Math.max(2 * LEAST, columns - others - GAP.length * (widths.length - 1));
  if (job + host <= left) return;
  const half = Math.floor(left / 2);
  widths[0] = job <= half ? job : Math.max(half, left - host);
  widths[widths.length - 1] = left - widths[0];
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}
