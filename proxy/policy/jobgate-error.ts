/**
 * Whatever jobgate throws on purpose, and lets out. The message is one line for a person: what is wrong, where, and
 * what to do. `code` and `name` are for programs: they stay the same while the message may change.
 */
export abstract class JobgateError extends Error {
  abstract override readonly name: string;
  /** One per class, `JOBGATE_POLICY`; kept between versions. */
  abstract readonly code: `JOBGATE_${string}`;
}
