import type { z } from 'zod';
import type { LocatedProblem, PathSegment } from './problem.js';

/**
 * Gives the keys of a spec the spelling that the schema has: the reference reads them in any letter case, and what
 * one reader overlooks and another obeys is a way round admission. Two spellings of one key are a problem, for the
 * same reason; so is, with `unknownKeys: 'refuse'`, a key that the schema doesn't have.
 */
export function canonicalKeys(
  schema: z.core.$ZodType,
  value: unknown,
  options: { readonly unknownKeys: 'keep' | 'refuse' },
  path: readonly PathSegment[] = [],
): { value: unknown; problems: LocatedProblem[] } {
  const problems: LocatedProblem[] = [];
  return { value: walk(inner(schema), value, path), problems };

  function walk(type: z.core.$ZodType | undefined, from: unknown, at: readonly PathSegment[]): unknown {
    const def = type?._zod.def as
      | { type: string; element?: z.core.$ZodType; shape?: z.core.$ZodShape }
      | undefined;
    if (def?.type === 'array' && Array.isArray(from)) {
      return from.map((item, index) => walk(def.element && inner(def.element), item, [...at, index]));
    }
    if (def?.type === 'object' && def.shape && isRecord(from)) return fields(def.shape, from, at);
    return from;
  }

  function fields(
    shape: z.core.$ZodShape,
    from: Record<string, unknown>,
    at: readonly PathSegment[],
  ): unknown {
    const spelling = new Map(Object.keys(shape).map((key) => [key.toLowerCase(), key]));
    const taken = new Map<string, string>();
    const entries: [string, unknown][] = [];
    for (const [written, item] of Object.entries(from)) {
      const key = spelling.get(written.toLowerCase());
      if (key === undefined) {
        if (options.unknownKeys === 'refuse') {
          problems.push({ segments: [...at, written], problem: unknownKey(written, [...spelling.values()]) });
        }
        entries.push([written, item]);
        continue;
      }
      const other = taken.get(key);
      if (other !== undefined) {
        problems.push({ segments: [...at, written], problem: `the same field as ${other}: write it once` });
        continue;
      }
      taken.set(key, written);
      const type = shape[key];
      entries.push([key, walk(type && inner(type), item, [...at, key])]);
    }
    // fromEntries defines properties, so that a key __proto__ is only a key.
    return Object.fromEntries(entries);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inner(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { innerType?: z.core.$ZodType };
  return def.innerType ? inner(def.innerType) : schema;
}

function unknownKey(written: string, known: readonly string[]): string {
  const near = nearest(written, known);
  return near ? `unknown field: did you mean ${near}?` : 'unknown field';
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
