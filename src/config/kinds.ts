import { z } from 'zod';
import type { Parsed } from '../../proxy/policy/authority.js';
import { parseBytes } from '../../proxy/policy/bytes.js';
import { parseDuration } from '../duration.js';

/** A kind of value: how a file holds it, and how one text of an environment or a command line becomes the same. */
export interface Kind<T> {
  /** Judges what a file holds. */
  readonly schema: z.ZodType<T>;
  /** From a text; what is no value of this kind stays text, and the schema tells. */
  readonly fromText: (text: string) => unknown;
  /** For documentation. */
  readonly syntax: string;
  /** A list: given by several flags; an empty one is a value. */
  readonly list?: boolean;
}

/** As Go reads them in a file, a variable and a flag of the reference's (strconv.ParseBool), and yes and no. */
export function readYesNo(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  const text = String(value).toLowerCase();
  if (['1', 't', 'true', 'yes'].includes(text)) return true;
  return ['0', 'f', 'false', 'no'].includes(text) ? false : undefined;
}

export const yesNo: Kind<boolean> = {
  schema: z.unknown().transform((value, context) => {
    const read = readYesNo(value);
    if (read !== undefined) return read;
    context.issues.push({ code: 'custom', message: 'must be true or false', input: value });
    return z.NEVER;
  }),
  fromText: (text) => readYesNo(text) ?? text,
  syntax: 'true or false',
};

export const text: Kind<string> = {
  schema: z.string({ error: 'must be text' }),
  fromText: (value) => value,
  syntax: 'text',
};

/** One of some words, in any letter case. */
export function choice<const Words extends readonly string[]>(words: Words): Kind<Words[number]> {
  const error = `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return {
    schema: z
      .string({ error })
      .transform((value) => value.trim().toLowerCase())
      .pipe(z.enum(words, { error })),
    fromText: (value) => value,
    syntax: words.join(', '),
  };
}

export function integer(min: number, max: number): Kind<number> {
  const error = `must be a whole number from ${min} to ${max}`;
  return {
    schema: z.number({ error }).int({ error }).min(min, { error }).max(max, { error }),
    fromText: (value) => (/^\d{1,15}$/.test(value) ? Number(value) : value),
    syntax: `${min}–${max}`,
  };
}

/** A time, in ms once read: `30s`, `5m`, `500ms`; a bare number is seconds. */
export const duration: Kind<number> = parsed('a time: 500ms, 30s, 5m', (value) => {
  const ms = parseDuration(value);
  return ms === undefined
    ? { ok: false, problem: 'must be a time above zero, as 500ms, 30s or 5m' }
    : { ok: true, value: ms };
});

/** A size, in bytes once read. */
export const size: Kind<number> = parsed('a size: 65536, 64KiB', (value) => {
  const bytes = parseBytes(value);
  return bytes
    ? { ok: true, value: bytes }
    : { ok: false, problem: 'must be a size above zero, as 65536 or 64KiB' };
});

/** A text or number with a parser of its own. */
export function parsed<T>(syntax: string, parse: (value: string) => Parsed<T>): Kind<T> {
  return {
    schema: z
      .union([z.string(), z.number()], { error: `must be text: ${syntax}` })
      .transform((value, context) => {
        const result = parse(String(value).trim());
        if (result.ok) return result.value;
        context.issues.push({ code: 'custom', message: result.problem, input: value });
        return z.NEVER;
      }),
    fromText: (value) => value,
    syntax,
  };
}

/** A list; in one text its items stand between commas or white space. */
export function list<T>(item: Kind<T>): Kind<T[]> {
  return {
    schema: z.array(item.schema, { error: 'must be a list; an empty one is []' }),
    fromText: (value) =>
      value
        .split(/[\s,]+/)
        .filter((part) => part !== '')
        .map((part) => item.fromText(part)),
    syntax: `list of ${item.syntax}`,
    list: true,
  };
}

/** Keeps the text of what a parser accepts: for values that are read again where they are used. */
export function checked(
  parse: (value: string) => { readonly ok: true } | { readonly ok: false; readonly problem: string },
): (value: string) => Parsed<string> {
  return (value) => {
    const result = parse(value);
    return result.ok ? { ok: true, value } : result;
  };
}
