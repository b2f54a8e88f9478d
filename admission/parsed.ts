import type { Problem } from './problem.js';

/** What a parser of job specs gives: the value, or everything that is wrong. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };
