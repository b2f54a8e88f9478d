import { tell } from './terminal.js';

/** What takes longer says so, ms. */
const SOON_MS = 1_000;
/** And again each so often, ms. */
const AGAIN_MS = 10_000;

/** Does work, and says what it is, as a line without an end, where somebody waits for it. */
export type During = <T>(what: string | (() => string), work: () => Promise<T>) => Promise<T>;

let isOff = false;

/** From now on nothing is said: of a command that was told to be quiet, or whose lines a program reads. */
export function withoutProgress(): void {
  isOff = true;
}

/**
 * What takes longer than a second says so to a person at a terminal, and stays silent in a pipe. Whole lines: the log
 * and a job write to the same terminal.
 */
export const during: During = async (what, work) => {
  if (isOff || !process.stderr.isTTY) return work();
  const from = performance.now();
  const say = (since = '') => tell(`jobgate: ${typeof what === 'string' ? what : what()}${since}\n`);
  const again = () => say(` (${Math.round((performance.now() - from) / 1000)} s)`);
  let repeated: NodeJS.Timeout | undefined;
  const soon = setTimeout(() => {
    say(' …');
    repeated = setInterval(again, AGAIN_MS);
  }, SOON_MS);
  try {
    return await work();
  } finally {
    clearTimeout(soon);
    clearInterval(repeated);
  }
};
