import { describe, expect, it } from 'vitest';
import {
  command,
  flag,
  integer,
  isEmpty,
  type Judge,
  judged,
  kept,
  listOf,
  never,
  object,
  oneOf,
  ours,
  text,
  textMap,
  texts,
} from '../../../src/gate/fields.js';

it.each([undefined, null, false, '', 0, [], {}, [''], { a: { b: [null] } }])('%j is empty', (value) => {
  expect(isEmpty(value)).toBe(true);
});
it.each([true, ' ', 1, -1, ['a'], { a: { b: [1] } }, 0n + 1n])('%o is not', (value) => {
  expect(isEmpty(value)).toBe(false);
});

const judges: [string, Judge, valid: readonly unknown[], refused: readonly [unknown, string][]][] = [
  [
    'text',
    text,
    ['', 'a'],
    [
      [5, 'at must be text, not 5'],
      ['a\0', 'at must be text'],
    ],
  ],
  [
    'flag',
    flag,
    [true, false],
    [
      ['true', 'at must be true or false, not "true"'],
      [0, 'at must be true'],
    ],
  ],
  [
    'integer',
    integer,
    [0, -5, 2n ** 63n],
    [
      [1.5, 'at must be a whole number, not 1.5'],
      ['1', 'at must be'],
    ],
  ],
  [
    'texts',
    texts,
    [[], ['a', '']],
    [
      ['a', 'at must be a list of texts, not "a"'],
      [[5], 'at[0] must be text'],
    ],
  ],
  ['command', command, [['a']], [[5, 'at must be a list of texts, not 5']]],
  [
    'map',
    textMap,
    [{}, { a: 'b' }],
    [
      ['a', 'at must be an object of texts'],
      [{ a: 5 }, 'at.a must be text'],
    ],
  ],
  [
    'object',
    object({ a: text }),
    [{ a: 'b' }],
    [
      ['a', 'at must be an object, not "a"'],
      [{ b: 1 }, 'at.b is not'],
    ],
  ],
  [
    'list',
    listOf(text),
    [['a']],
    [
      ['a', 'at must be a list, not "a"'],
      [['a', 5], 'at[1] must be text, not 5'],
    ],
  ],
  [
    'words',
    oneOf(['a'], 'say a'),
    ['a'],
    [
      ['b', 'at: say a, not "b"'],
      [5, 'at: say a, not 5'],
    ],
  ],
];

describe.each(judges)('%s', (_, judge, valid, refused) => {
  it('is passed on', () => {
    for (const value of valid) expect(judge(value, 'at')).toEqual(value);
  });
  it.each(refused)('but not %j', (value, problem) => {
    expect(() => judge(value, 'at')).toThrow(`jobgate: ${problem}`);
  });
  it('is left out where it is not set', () => {
    for (const none of [undefined, null]) expect(judge(none, 'at')).toBeUndefined();
  });
});

it('items of a list and values of a map may be null, which are empty texts', () => {
  expect(texts([null, 'a'], 'at')).toEqual(['', 'a']);
  expect(textMap({ a: null }, 'at')).toEqual({ a: '' });
  expect(command('a b', 'at')).toEqual(['a b']);
  expect(oneOf(['a'], '')('', 'at')).toBeUndefined();
});

it('of what is known a new object is made, of what is not only the empty is left out', () => {
  const fields = { a: text, b: kept, c: ours, d: never('no') };
  expect(judged(fields, { a: 'x', b: 0, c: 'x', d: {}, e: [], A: '' })).toStrictEqual({ a: 'x', b: 0 });
  expect(judged(fields, { b: null })).toStrictEqual({});
  expect(() => judged(fields, { d: 1 })).toThrow('jobgate: d: no');
  expect(() => judged(fields, { A: 'x' })).toThrow('jobgate: A is not known here: leave it out');
  expect(() => judged(fields, { constructor: 'x' }, 'at')).toThrow('at.constructor is not known here');
});
