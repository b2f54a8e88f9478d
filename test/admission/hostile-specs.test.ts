import { describe, expect, it, vi } from 'vitest';
import { parseJobFile } from '../../admission/job-file.js';
import { parseJobSpec } from '../../admission/job-spec.js';
import { growth } from '../support/growth.js';
import { problems, spec } from './jobs.js';

// Large texts, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const file = (text: string, purpose: 'run' | 'admission' = 'admission'): readonly string[] => {
  const parsed = parseJobFile(text, 'job', { purpose });
  return parsed.ok ? [] : parsed.problems;
};

/** Each as YAML, as JSON, and as the value that a body has become. */
const ways = (value: unknown) => [
  problems(value, 'run'),
  file(JSON.stringify(value), 'run'),
  // Flow, but no JSON.
  file(`--- ${JSON.stringify(value)}`, 'run'),
];

describe('a spec with very many problems', () => {
  it.each<[string, Record<string, unknown>]>([
    ['unknown fields', Object.fromEntries(Array.from({ length: 130_000 }, (_, index) => [`k${index}`, 1]))],
    ['items', { Engine: { Type: 'docker', Params: { Image: 'a', Parameters: Array(130_000).fill(1) } } }],
    ['domains', { Network: { Type: 'HTTP', Domains: Array(130_000).fill('x') } }],
    ['inputs', { InputSources: Array(99_000).fill({}) }],
    [
      'variables',
      { Env: Object.fromEntries(Array.from({ length: 130_000 }, (_, index) => [`k${index}`, 1])) },
    ],
  ])('names the first and counts the rest: %s', (_, task) => {
    const told = problems(spec(task), 'run');
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toMatch(/^: and \d{5,6} more problems$/);
    for (const line of told) expect(line.length).toBeLessThan(400);
  });

  it('names the first and counts the rest: in a file', () => {
    const told = file(JSON.stringify(spec({ InputSources: Array(99_000).fill({}) })), 'run');
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toMatch(/^job: and \d{5,6} more problems$/);
    for (const line of told) expect(line.length).toBeLessThan(400);
  });

  it('tells all where they are few', () => {
    const few = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`unknown${index}`, 1]));
    expect(problems(spec(few), 'run')).toHaveLength(20);
    expect(problems(spec({ ...few, another: 1 }), 'run').at(-1)).toBe(': and 1 more problem');
  });

  it('or with very long names and values is told in short lines', () => {
    const long = 'x'.repeat(1_000_000);
    const told = [
      ...problems(
        { [long]: 1, Tasks: [{ [long]: 1, Network: { Type: long }, Engine: { Type: long } }] },
        'run',
      ),
      ...problems(long),
      ...file(long),
      ...file(`"${long}": [`),
    ];
    expect(told.length).toBeGreaterThan(5);
    for (const line of told) expect(line.length).toBeLessThan(400);
  });

  it('shows nothing that a terminal obeys', () => {
    const [line = ''] = problems(spec({ 'x\u001B[31m\u009B2J\u202Ey': 1 }), 'run');
    expect(line).toMatch(/^Tasks\[0\]\.x\\u\{1b\}\[31m\\u\{9b\}2J\\u\{202e\}y: unknown field/);
    expect(problems(spec({ Network: { Type: '\u009B2J' } })).join()).not.toContain('\u009B');
  });
});

describe('a spec that is very deep', () => {
  const deep = (levels: number) => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level++) value = { a: value };
    return value;
  };

  it('is refused by one line, in whatever form', () => {
    for (const told of ways(spec({}, { Meta: deep(1_000) })))
      expect(told).toEqual([expect.stringContaining('nested deeper than 64 levels')]);
    for (const text of ['{"Meta":', '[', '- ', '? ', 'a: {', '{a: ', '&a [', '!t ['])
      expect(file(text.repeat(20_000))).toEqual([expect.stringMatching(/^job:\d+:\d+: /)]);
    const circle: Record<string, unknown> = spec();
    circle.Meta = { circle };
    expect(problems(circle)).toEqual([': nested deeper than 64 levels: not a job spec']);
  });

  it('but not too deep is taken', () => {
    for (const told of ways(spec({}, { Meta: deep(50) }))) expect(told).toEqual([]);
  });
});

describe('a text that is no job', () => {
  it.each([
    'x'.repeat(1 << 20),
    '\u0000'.repeat(1 << 20),
    '}'.repeat(1 << 13),
    '{]'.repeat(1 << 13),
    ': \n'.repeat(1 << 13),
    '"'.repeat(1 << 15),
    '%'.repeat(1 << 20),
    '\n{\n'.repeat(1 << 13),
    '---\n'.repeat(1 << 15),
  ])('is told in a few lines: %#', (text) => {
    const told = file(text);
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(22);
    expect(told.join('\n').length).toBeLessThan(8_000);
  });
});

describe('small texts of large values', () => {
  it.each([
    `a: &a [${'x,'.repeat(10)}]\n${[...'bcdefgh'].map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(10)}]`).join('\n')}\n`,
    `a: &a {k: 1}\n${[...'bcdefghijklmnopqrstuvwxyz'].map((name, index) => `${name}: &${name} {<<: [${`*${'abcdefghijklmnopqrstuvwxy'[index]},`.repeat(4)}]}`).join('\n')}\n`,
    `a: &a {${Array.from({ length: 2_000 }, (_, index) => `k${index}: 1`).join()}}\n${Array.from({ length: 2_000 }, (_, index) => `m${index}: {<<: *a}`).join('\n')}\n`,
    `e: &e {}\na: &a [${'*e,'.repeat(2_000)}]\n${Array.from({ length: 2_000 }, (_, index) => `m${index}: {<<: *a}`).join('\n')}\n`,
  ])('are refused: %#', (text) => {
    expect(file(text)).toEqual([expect.stringContaining('more than 200000 values')]);
  });

  it('that refer to themselves are refused', () => {
    expect(file('a: &a {b: *a}')).toEqual([expect.stringContaining('nested deeper')]);
    expect(file('a: &a {<<: *a}')).toEqual([expect.stringContaining('nested deeper')]);
  });
});

describe('time grows with length', () => {
  it.each<[string, (text: string) => unknown]>([
    ['GPU', (GPU) => spec({ Resources: { GPU } })],
    ['CPU', (CPU) => spec({ Resources: { CPU } })],
    ['Memory', (Memory) => spec({ Resources: { Memory } })],
    ['network type', (Type) => spec({ Network: { Type } })],
    ['ID', (ID) => spec({}, { ID })],
    [
      'variables',
      (text) => spec({ Engine: { Type: 'docker', Params: { Image: text, EnvironmentVariables: [text] } } }),
    ],
    ['input', (text) => spec({ InputSources: [{ Source: { Type: text }, Target: text }] })],
    [
      'truth',
      (ReadWrite) =>
        spec({ InputSources: [{ Source: { Type: 'local', Params: { ReadWrite } }, Target: 'a' }] }),
    ],
    ['key', (text) => spec({ [text]: 1 })],
  ])('of a text: %s', async (_, make) => {
    for (const near of [' ', '1', '=', '/', 'x', '0 ']) {
      const reads = (size: number) => {
        const given = make(`${near.repeat(size)}!`);
        return () => problems(given, 'run');
      };
      expect(await growth(reads, 50_000, 200_000, 5_000)).toBeLessThan(10);
    }
  });

  it.each<[string, (count: number) => string]>([
    [
      'unknown fields',
      (n) => `Tasks: [{}]\n${Array.from({ length: n }, (_, index) => `k${index}: 1\n`).join('')}`,
    ],
    [
      'the same as JSON',
      (n) => `{"Tasks":[{}]${Array.from({ length: n }, (_, index) => `,"k${index}":1`).join('')}}`,
    ],
    ['aliases', (n) => `a: &a x\nTasks:\n${'- *a\n'.repeat(n)}`],
    ['merges', (n) => `a: &a {Name: x}\nTasks:\n${'- {<<: *a}\n'.repeat(n)}`],
    ['errors', (n) => ': {\n'.repeat(n)],
  ])('of a file: %s', async (_, make) => {
    const reads = (count: number) => {
      const text = make(count);
      return () => file(text, 'run');
    };
    expect(await growth(reads, 1_000, 16_000)).toBeLessThan(40);
  });
});

describe('parseJobSpec', () => {
  it('takes a job of 10 MB', () => {
    const big = spec({}, { Meta: { note: 'x'.repeat(10 * 1024 * 1024) }, CreateTime: 1n });
    expect(parseJobSpec({ Job: big }, { purpose: 'admission' }).ok).toBe(true);
    expect(file(JSON.stringify({ Job: { ...big, CreateTime: 1 } }))).toEqual([]);
  });
});
