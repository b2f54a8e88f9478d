import { AssertionError } from 'node:assert';
import type { Reader } from '../growth/growth.js';
import type { Below } from '../soak/runner.js';

/** What reads inputs that others wrote, and how it is known that it does so rightly. */
export interface Target {
  readonly name: string;
  /**
   * Reads an input. Refusals are its answers as well.
   *
   * @throws Differs where two that must agree do not; whatever else it throws is a crash
   */
  readonly run: (input: string) => unknown;
  readonly seeds: readonly string[];
  /** How inputs are made of those that are known. Default: as any text is. */
  readonly mutate?: (pool: readonly string[], below: Below) => string;
  /** What its time is measured of, if it is: with the limits that keep a whole run short left out. */
  readonly reader?: Reader;
  /** It goes over sockets: what code runs is a matter of moments, and must not decide which inputs are made. */
  readonly overSockets?: true;
  /** Inputs at a time; default 50. Few where each is dear. */
  readonly batch?: number;
}

/** Two that must agree do not. */
export class Differs extends Error {
  override readonly name = 'Differs';
}

export type Oracle = 'crash' | 'verdict' | 'time';

/** What was found, and with which input: it becomes a line of the corpus. */
export interface Finding {
  readonly oracle: Oracle;
  readonly target: string;
  readonly input: string;
  readonly what: string;
}

/** Errors that nobody throws on purpose to refuse something. */
const CRASHES = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError, AssertionError];

/** Whether what was thrown says that a reader broke, and not that it refuses. */
export function isCrash(error: unknown): boolean {
  return !(error instanceof Error) || CRASHES.some((kind) => error instanceof kind);
}

/** A target that is held to throw nothing but refusals. */
export function readerTarget(reader: Reader): Target {
  return {
    name: reader.name,
    seeds: reader.seeds,
    reader,
    // Those whose near-misses are few are dear.
    ...(reader.count !== undefined && reader.count < 20 && { batch: 10 }),
    run: async (input) => {
      try {
        await reader.read(input);
      } catch (error) {
        if (isCrash(error)) throw error;
      }
    },
  };
}
