import { readFileSync } from 'node:fs';
import type { Oracle } from './target.js';

/** What fuzzing found once, or would hardly find by itself. All of it is read in the unit tests, and each run begins with it. */
export interface Line {
  readonly target: string;
  readonly input: string;
  /** Of the finding: what `time` found is a near-miss. */
  readonly oracle: Oracle;
  /** What was wrong. */
  readonly found: string;
}

export function readCorpus(): Line[] {
  return readFileSync(new URL('corpus.jsonl', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
