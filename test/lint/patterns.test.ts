import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkPatterns } from './check-patterns.js';

const SOURCE = String.raw`
import { PART, open } from './part.js';
// a comment: /(a+)+$/, and a text:
export const text = '/(a+)+$/';
export const linear = [/^\d+$/, /^[a-z]+:[0-9]+$/, RegExp('^x+y'), new RegExp(${'`'}^${'${'}PART}+$${'`'}, 'i')];
export const half = 4 / 2 / 1;
export const exponential = /^(?:[a-z]+: ?[ -~]*\n)*$/;
export const blanks = (text: string) => text.replace(/\s+$/, '');
export const three = /^\s*x?\s*$/.test(text);
export const built = new RegExp('(' + 'a' + ')');
export const constructed = new RegExp('^(a+)+$', 'm');
export const templated = globalThis.RegExp(${'`'}^(${'${'}PART}+)+$${'`'});
export const unknown = new RegExp(open);
// bounded: 300 bytes, by what calls this
export const excused = /[ \t]+$/;
// bounded: 300 bytes
export const never = /^(b+)+$/;
// bounded: 65536 bytes
export const long = /[\t\r]+$/;
// bounded: 300 bytes

export const apart = /[\r ]+$/;
export const inJavaScript = [...text.matchAll(/(?:(\w+)\s?)+!/g)];
`;

let directory: string;
let problems: string[];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobgate-patterns-'));
  mkdirSync(join(directory, 'src'));
  const options = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023'],
    types: [],
    strict: true,
    allowJs: true,
  };
  const config = join(directory, 'tsconfig.json');
  writeFileSync(config, JSON.stringify({ compilerOptions: options, include: ['src'] }));
  writeFileSync(join(directory, 'src/planted.ts'), SOURCE);
  writeFileSync(join(directory, 'src/part.ts'), "export const PART = 'b';\nexport let open = 'b';\n");
  writeFileSync(join(directory, 'src/page.js'), 'export const page = /^(p|p)*$/;\n');
  problems = checkPatterns(config);
});

afterAll(() => rmSync(directory, { recursive: true }));

/** What is said of the line with a text. */
function said(text: string): string[] {
  const line = SOURCE.split('\n').findIndex((one) => one.includes(text)) + 1;
  return problems.filter((problem) => problem.includes(`planted.ts:${line} `));
}

test.each([
  ['exponential', 'exponential time'],
  ['blanks', 'to the power of 2'],
  ['three', 'to the power of 2'],
  ['constructed', 'exponential time'],
  ['templated', 'exponential time'],
  ['inJavaScript', 'exponential time'],
])('%s: a pattern that takes more than linear time is told, with an attack', (name, problem) => {
  expect(said(`const ${name} `)).toEqual([expect.stringContaining(problem)]);
  expect(said(`const ${name} `)[0]).toMatch(/\.repeat\(\d+\)/);
});

test.each(['linear', 'text', 'half'])('%s: nothing is said of what is linear or no pattern', (name) => {
  expect(said(`const ${name} `)).toEqual([]);
});

test('a pattern that only a run would tell is refused, a constant one is read through its parts', () => {
  expect(said('const unknown ')).toEqual([expect.stringContaining('not a constant')]);
  expect(said('const built ')).toEqual([expect.stringContaining('not a constant')]);
});

test('a bound in the line above excuses a polynomial pattern, as far as the bound is small', () => {
  expect(said('const excused ')).toEqual([]);
  expect(said('const long ')).toEqual([expect.stringContaining('65536 bytes are too many')]);
  expect(said('const apart ')).toEqual([expect.stringContaining('to the power of 2')]);
});

test('nothing excuses an exponential pattern', () => {
  expect(said('const never ')).toEqual([expect.stringContaining('exponential time')]);
});

test('JavaScript is read as well', () => {
  expect(problems).toContainEqual(expect.stringContaining('page.js:1 /^(p|p)*$/ takes exponential time'));
});
