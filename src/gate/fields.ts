import { isRecord } from '../../admission/known-keys.js';
import { quote, shown } from '../../admission/problem.js';
import { refuse } from './refusal.js';

/** What a client sends for a field that it does not set: Go's zero values, and none at all. */
export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEmpty);
  if (isRecord(value)) return Object.values(value).every(isEmpty);
  return value === undefined || value === null || value === false || value === '' || value === 0;
}

/** What the gate makes of a field's value; undefined leaves it out. @throws GateRefusal */
export type Judge = (value: unknown, at: string) => unknown;

/**
 * Makes a new object of the fields that are known: an engine of tomorrow must not read what nobody judged. Names count
 * letter by letter, though the engine reads them in any case.
 *
 * @throws GateRefusal for a field that is not known and not empty.
 */
export function judged(
  fields: Readonly<Record<string, Judge>>,
  given: Readonly<Record<string, unknown>>,
  at = '',
): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const where = at === '' ? shown(name) : `${at}.${shown(name)}`;
    const judge = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (judge) {
      const result = judge(value, where);
      if (result !== undefined) made[name] = result;
    } else if (!isEmpty(value)) {
      throw refuse(`${where} is not known here: leave it out`);
    }
  }
  return made;
}

/** Not set, or refused with a reason. */
export const never =
  (why: string): Judge =>
  (value, at) => {
    if (!isEmpty(value)) throw refuse(`${at}: ${why}`);
    return undefined;
  };

/** Not set, or one of some words; these are passed on. */
export const oneOf =
  (words: readonly string[], why: string): Judge =>
  (value, at) => {
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string' && words.includes(value)) return value;
    throw refuse(`${at}: ${why}, not ${quote(value)}`);
  };

/** Whatever it is: has no effect on isolation, and the engine judges it. */
export const kept: Judge = (value) => value ?? undefined;

/** Set by the gate, whatever the client says. */
export const ours: Judge = () => undefined;

export const text: Judge = (value, at) => {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw refuse(`${at} must be text, not ${quote(value)}`);
};

export const flag: Judge = (value, at) => {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw refuse(`${at} must be true or false, not ${quote(value)}`);
};

/** 64 bits, as the engine has them. */
export const integer: Judge = (value, at) => {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return value;
  throw refuse(`${at} must be a whole number, not ${quote(value)}`);
};

export const texts: Judge = (value, at) => {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.map((item, index) => text(item, `${at}[${index}]`) ?? '');
  throw refuse(`${at} must be a list of texts, not ${quote(value)}`);
};

/** A list of texts, or one, as a command may be written. */
export const command: Judge = (value, at) => (typeof value === 'string' ? [value] : texts(value, at));

/** Of labels and the like, characters: every list of the engine repeats them. */
const MAX_MAP = 65_536;

/** Names and texts. */
export const textMap: Judge = (value, at) => {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw refuse(`${at} must be an object of texts, not ${quote(value)}`);
  if (JSON.stringify(value).length > MAX_MAP) throw refuse(`${at} has more than ${MAX_MAP} characters`);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, text(item, `${at}.${shown(name)}`) ?? '']),
  );
};

export const object =
  (fields: Readonly<Record<string, Judge>>): Judge =>
  (value, at) => {
    if (value === undefined || value === null) return undefined;
    if (!isRecord(value)) throw refuse(`${at} must be an object, not ${quote(value)}`);
    return judged(fields, value, at);
  };

export const listOf =
  (item: Judge): Judge =>
  (value, at) => {
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) throw refuse(`${at} must be a list, not ${quote(value)}`);
    return value.map((one, index) => item(one, `${at}[${index}]`));
  };
