import { hasColors } from '../color.js';
import { EXIT } from '../exit-codes.js';
import { visible } from '../visible.js';
import type { Line, State } from './check.js';

export interface Report {
  /** `leaks` where anything did, else `unknown` where anything is, else `held`. */
  readonly verdict: State;
  /** What was tried: `a gateway of its own, on the host`. */
  readonly through: string;
  readonly seconds: number;
  /** What could not be had for it, and why. */
  readonly notes: readonly string[];
  readonly lines: readonly Line[];
}

export function verdictOf(lines: readonly Line[]): State {
  const has = (state: State) => lines.some((line) => line.state === state);
  if (has('leaks')) return 'leaks';
  return has('unknown') || lines.length === 0 ? 'unknown' : 'held';
}

export function exitCodeOf({ verdict }: Pick<Report, 'verdict'>): number {
  return { held: EXIT.ok, leaks: EXIT.leaks, unknown: EXIT.failed }[verdict];
}

const MARK: Readonly<Record<State, string>> = { held: 'held', leaks: 'LEAKS', unknown: 'unknown' };
const COLOR: Readonly<Record<State, number>> = { held: 32, leaks: 31, unknown: 33 };

/** For people; groups in the order of their first lines. */
export function table({ lines, notes, through, seconds, verdict }: Report): string {
  const width = Math.max(...lines.map(({ title }) => title.length));
  const paint = (state: State) => {
    const text = MARK[state].padEnd(7);
    return hasColors(process.stdout) ? `\x1b[${COLOR[state]}m${text}\x1b[0m` : text;
  };
  const groups = [...new Set(lines.map(({ group }) => group))];
  const shown = groups.flatMap((group) => [
    `\n${group}\n`,
    ...lines
      .filter((line) => line.group === group)
      .map(({ state, title, detail }) => `${paint(state)}  ${title.padEnd(width)}  ${visible(detail)}\n`),
  ]);
  const count = (state: State) => lines.filter((line) => line.state === state).length;
  const end = {
    held: `All ${lines.length} held`,
    leaks: `${count('leaks')} of ${lines.length} let something through`,
    unknown: `${count('unknown')} of ${lines.length} could not be told; nothing is known to get through`,
  }[verdict];
  return [
    `A hostile job, through ${visible(through)}\n`,
    ...notes.map((note) => `note: ${visible(note)}\n`),
    ...shown,
    `\n${end}, in ${Math.round(seconds)} s.\n`,
  ].join('');
}
