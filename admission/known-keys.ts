import { z } from 'zod';
import { fold, isFoldedBeyondAscii } from './fold.js';
import type { PathSegment, Problems } from './problem.js';

/**
 * Judges a spec by a schema, and gives its keys the spelling that the schema has: the reference reads them in any
 * letter case, and what one reader overlooks and another obeys is a way round admission. For the same reason two
 * spellings of one key are a problem, and a letter beyond ASCII that some readers take for an ASCII one, and a merge key
 * that nothing merged; so is, with `unknownKeys: 'refuse'`, a key that the schema doesn't have.
 *
 * Each leaf is judged by itself: the schema's own way through the whole ends in an overflow where very much is wrong.
 */
export function readBySchema(
  schema: z.core.$ZodType,
  value: unknown,
  { unknownKeys, problems }: { readonly unknownKeys: 'keep' | 'refuse'; readonly problems: Problems },
): unknown {
  return walk(schema, value, []);

  function walk(type: z.core.$ZodType, from: unknown, at: readonly PathSegment[]): unknown {
    const def = inner(type)._zod.def as Def;
    if (def.type === 'unknown') return from;
    if (def.element && Array.isArray(from)) {
      const { element } = def;
      return from.map((item, index) => walk(element, item, [...at, index]));
    }
    if (isRecord(from)) {
      if (def.shape) return fields(def.shape, from, at);
      if (def.valueType) {
        const { valueType } = def;
        return Object.fromEntries(
          Object.entries(from).map(([key, item]) => [key, walk(valueType, item, [...at, key])]),
        );
      }
    }
    if (problems.isFull) {
      // Making errors of what is only counted is most of the work.
      const judged = type._zod.run({ value: from, issues: [] }, { async: false });
      if ('issues' in judged) problems.addUntold(judged.issues.length);
      return from;
    }
    for (const { message } of z.safeParse(type, from).error?.issues ?? []) {
      problems.add(at, from === undefined ? 'missing' : message);
    }
    return from;
  }

  function fields(
    shape: z.core.$ZodShape,
    from: Record<string, unknown>,
    at: readonly PathSegment[],
  ): unknown {
    const spelling = new Map(Object.keys(shape).map((key) => [fold(key), key]));
    const entries: [string, unknown][] = [];
    const known = new KnownKeys(at, problems);
    for (const [written, item] of Object.entries(from)) {
      const key = spelling.get(fold(written));
      const type = key === undefined ? undefined : shape[key];
      if (key === undefined || type === undefined) {
        if (written === MERGE_KEY) {
          problems.add([...at, written], 'some readers merge it, others do not: write its fields out');
        } else if (unknownKeys === 'refuse') {
          const near = problems.isFull ? undefined : nearest(written, [...spelling.values()]);
          problems.add([...at, written], unknownField(near));
        }
        entries.push([written, item]);
      } else if (known.take(written, key)) entries.push([key, walk(type, item, [...at, key])]);
    }
    for (const [key, type] of Object.entries(shape)) {
      if (!known.has(key)) walk(type, undefined, [...at, key]);
    }
    // fromEntries defines properties, so that a key __proto__ is only a key.
    return Object.fromEntries(entries);
  }
}

/** What is used of a schema's definition. */
interface Def {
  readonly type: string;
  readonly element?: z.core.$ZodType;
  readonly shape?: z.core.$ZodShape;
  readonly valueType?: z.core.$ZodType;
}

/** YAML's; it is merged where it is one. */
const MERGE_KEY = '<<';

/** The fields of one mapping by the name that they have for every reader: each may be there once. */
export class KnownKeys {
  readonly #taken = new Map<string, string>();
  readonly #at: readonly PathSegment[];
  readonly #problems: Problems;

  constructor(at: readonly PathSegment[], problems: Problems) {
    this.#at = at;
    this.#problems = problems;
  }

  /** Takes the name `written` for the field `key`; false, with a problem, where readers would differ. */
  take(written: string, key: string): boolean {
    const other = this.#taken.get(key);
    this.#taken.set(key, written);
    const problem =
      other !== undefined
        ? `the same field as ${other}: write it once`
        : isFoldedBeyondAscii(written)
          ? `has a letter that only some readers take for an ASCII one: write ${key}`
          : undefined;
    if (problem !== undefined) this.#problems.add([...this.#at, written], problem);
    return problem === undefined;
  }

  has(key: string): boolean {
    return this.#taken.has(key);
  }
}

export function unknownField(near: string | undefined): string {
  return near === undefined ? 'unknown field' : `unknown field: did you mean ${near}?`;
}

/** The fields of a mapping that have a name as every reader has it, in any spelling. */
export function spellings(value: Record<string, unknown>, name: string): string[] {
  const folded = fold(name);
  return Object.keys(value).filter((written) => fold(written) === folded);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inner(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { innerType?: z.core.$ZodType };
  return def.innerType ? inner(def.innerType) : schema;
}

/** The name that was probably meant; undefined where none is near. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(written.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const name of known) {
    const distance = editDistance(written.toLowerCase(), name.toLowerCase(), limit);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

// Two letters that changed places count once: the most usual of slips.
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit || a.length > 100) return limit + 1;
  let [before, row]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : change;
      next.push(Math.min(change, swap, at(row, j) + 1, at(next, j - 1) + 1));
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[] | undefined, index: number): number {
  return row?.[index] as number;
}
