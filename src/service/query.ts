import { z } from 'zod';
import { parseDuration } from '../duration.js';
import { nearest } from './nearest.js';

const MAX_LIMIT = 1_000;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** A parameter of a query, which is text whatever the document says of it; undefined where it is absent. */
function parameter<T>(
  schema: { readonly type: string; readonly description: string } & Readonly<Record<string, unknown>>,
  read: (text: string) => T | undefined,
  problem: string | ((text: string) => string),
) {
  return z
    .unknown()
    .meta(schema)
    .transform((value, context): T | undefined => {
      if (value === undefined) return undefined;
      const result = typeof value === 'string' ? read(value) : undefined;
      if (result !== undefined) return result;
      const message =
        typeof value !== 'string'
          ? 'is there more than once'
          : typeof problem === 'string'
            ? problem
            : problem(value);
      context.issues.push({ code: 'custom', message, input: value });
      return z.NEVER;
    })
    .optional();
}

/** `?follow=true`, also as `?follow=1` and `?follow`. */
export function flag(description: string) {
  const words: Readonly<Record<string, boolean>> = {
    ...{ '': true, 1: true, true: true },
    ...{ 0: false, false: false },
  };
  const read = (text: string) => (Object.hasOwn(words, text) ? words[text] : undefined);
  return parameter({ type: 'boolean', description }, read, 'must be true or false');
}

/** At most so many. */
export function limit(description: string) {
  return parameter(
    { type: 'integer', minimum: 1, maximum: MAX_LIMIT, description },
    (text) =>
      /^\d{1,4}$/.test(text) && Number(text) > 0 && Number(text) <= MAX_LIMIT ? Number(text) : undefined,
    `must be a whole number from 1 to ${MAX_LIMIT}`,
  );
}

/** One or several of some words: `open,draining`. */
export function words<const Word extends string>(known: readonly Word[], description: string) {
  const unknown = (text: string) => text.split(',').find((one) => !known.some((word) => word === one));
  return parameter(
    { type: 'string', description: `${description}: of ${known.join(', ')}, with commas between them` },
    (text): ReadonlySet<Word> | undefined =>
      unknown(text) === undefined ? new Set(text.split(',') as Word[]) : undefined,
    (text) => {
      const near = nearest(unknown(text) ?? '', known);
      return `must be of ${known.join(', ')}${near === undefined ? '' : `: did you mean ${near}?`}`;
    },
  );
}

/** A moment, or how long ago it was; ms since 1970. */
export function moment(description: string) {
  return parameter(
    {
      type: 'string',
      description: `${description}: a time ago, as 10m, or a moment, as 2030-01-31T12:00:00Z`,
    },
    (text) => {
      if (text.length > 40) return undefined;
      if (!MOMENT.test(text)) {
        const ms = parseDuration(text);
        return ms === undefined ? undefined : Date.now() - ms;
      }
      const time = Date.parse(text);
      return Number.isNaN(time) ? undefined : time;
    },
    'must be a time ago, as 10m, or a moment, as 2030-01-31T12:00:00Z',
  );
}
