import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExactJson } from '../../admission/exact-json.js';
import { stringifyExact } from '../../admission/stringify-exact.js';
import { growth } from '../support/growth.js';

/** What a reader makes of a text; undefined where it is none. */
function read(reader: (text: string) => unknown, text: string): unknown {
  try {
    return { value: reader(text) };
  } catch {
    return undefined;
  }
}

describe('JSON', () => {
  /** Any, and as often an ASCII one. */
  const character = fc.oneof(fc.nat(0x7f), fc.nat(0x10_ffff)).map((code) => String.fromCodePoint(code));

  it('is read as JSON.parse reads it, where no key is there twice', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: character }), fc.nat(3), (value, space) => {
        const text = JSON.stringify(value, null, space);
        // Its large integers are what JSON.parse makes of their digits.
        const again = JSON.parse(stringifyExact(parseExactJson(text)));
        expect(isDeepStrictEqual(again, JSON.parse(text))).toBe(true);
      }),
    );
  });

  it('that is none is none to both', () => {
    const piece = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        '"a"',
        '"\\u00e9"',
        '"\\x"',
        '-',
        '0',
        '01',
        '1',
        '.5',
        '1.',
      ],
      ...['1e3', '1e', '+1', 'true', 'nul', 'null', ' ', '\n', '\u00A0', '\u2028', '\t', "'a'", '//', 'NaN'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join('');
        const [ours, theirs] = [read(parseExactJson, text), read(JSON.parse, text)];
        // Repeated keys are the one thing that only one of them refuses.
        if (ours === undefined && theirs !== undefined) expect(() => parseExactJson(text)).toThrow('twice');
        else expect(ours).toEqual(theirs);
      }),
      { numRuns: 5_000 },
    );
  });

  it('keeps 64-bit integers', () => {
    const text =
      '{"CreateTime":1700000000123456789,"Low":-9223372036854775808,"Small":7,"Half":0.5,"Big":1e+300}';
    expect(parseExactJson(text)).toMatchObject({ CreateTime: 1_700_000_000_123_456_789n, Small: 7 });
    expect(stringifyExact(parseExactJson(text))).toBe(text);
  });

  it.each([
    ['{"a":1,"a":1}', 'the key "a" is there twice'],
    ['{"a":1,"\\u0061":2}', 'the key "a" is there twice'],
    ['{"__proto__":1,"__proto__":2}', 'is there twice'],
    ['{"x":[{"b":1,"c":{},"b":2}]}', 'the key "b" is there twice'],
    ['['.repeat(20_000), 'nested deeper than 64 levels'],
    [`[${'1,'.repeat(200_000)}1]`, 'more than 200000 values'],
  ])('is refused: %#', (text, problem) => {
    expect(() => parseExactJson(text)).toThrow(problem);
  });

  it('makes a key __proto__ a key like any other', () => {
    const value = parseExactJson('{"__proto__":{"polluted":true}}') as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(['__proto__']);
  });

  it.each<[string, (size: number) => string]>([
    ['one text', (size) => `"${'x'.repeat(size)}`],
    ['escapes', (size) => `"${'\\\\'.repeat(size)}"`],
    ['blanks', (size) => `[${' '.repeat(size)}`],
    ['digits', (size) => '1'.repeat(size)],
    ['digits with an end', (size) => `${'1'.repeat(size)}x`],
    ['keys', (size) => `{${Array.from({ length: size / 8 }, (_, index) => `"k${index}":1`).join()}}`],
    ['lists', (size) => `[${'[],'.repeat(size / 8)}1]`],
  ])('takes time that grows with its length: %s', async (_, make) => {
    const reads = (size: number) => {
      const text = make(size);
      return () => read(parseExactJson, text);
    };
    expect(await growth(reads, 50_000, 800_000)).toBeLessThan(36);
  });
});
