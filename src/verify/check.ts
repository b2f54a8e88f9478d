import type { Arrival, Attempt, Result } from './inside/plan.js';

/** Something that a job tries, and what shows that it would have been noticed. */
export interface Check {
  readonly group: string;
  readonly title: string;
  readonly tries: readonly Named[];
  /** Each must succeed, or nothing is known. */
  readonly controls: readonly Control[];
  /** Which arrivals with the mark of a try count. Default: all. */
  readonly counts?: (arrival: Arrival) => boolean;
  /** What of a try's result is a leak. Default: that the listener's word came back. */
  readonly leak?: (result: Result) => string | undefined;
  /** What people see of a try where it held. Default: what came of all tries, counted. */
  readonly shows?: (result: Result) => string;
  /** Why it can't be told here, whatever comes of it but a leak. */
  readonly missing?: string;
}

export interface Named {
  /** For people: `TCP 192.0.2.1:80`. */
  readonly name: string;
  readonly attempt: Attempt;
}

/** The same path where it must work: tried from this host, from the job, or from its neighbour. */
export interface Control extends Named {
  /** What of an answer is enough where nothing behind it has a word of ours. */
  readonly passes?: RegExp;
  readonly from: 'here' | 'job' | 'neighbour';
}

export type State = 'held' | 'leaks' | 'unknown';

/** A line of the report. */
export interface Line {
  readonly group: string;
  readonly title: string;
  readonly state: State;
  /** Why, for people. */
  readonly detail: string;
  readonly tries: readonly (Omit<Result, 'heard'> & { readonly name: string; readonly arrived: boolean })[];
  readonly controls: readonly {
    readonly name: string;
    readonly from: Control['from'];
    readonly ok: boolean;
  }[];
}
