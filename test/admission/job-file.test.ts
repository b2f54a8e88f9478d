import { describe, expect, it } from 'vitest';
import { parseJobFile } from '../../admission/job-file.js';
import { spec } from './jobs.js';

const read = (text: string, purpose: 'run' | 'admission' = 'run') => {
  const parsed = parseJobFile(text, 'job.yaml', { purpose });
  return parsed.ok ? [] : parsed.problems;
};

describe('a job file', () => {
  it('is YAML', () => {
    expect(
      parseJobFile(
        'Tasks:\n  - Engine: {Type: docker, Params: {Image: "alpine:3.20"}}\n    Network: {Type: HTTP, Domains: [example.com]}\n',
        'job.yaml',
        { purpose: 'run' },
      ),
    ).toMatchObject({ ok: true, value: { network: { type: 'HTTP', domains: ['example.com'] } } });
  });

  it.each([
    ['on one line', JSON.stringify(spec())],
    ['with spaces', JSON.stringify(spec(), null, 2)],
    ['with tabs', JSON.stringify(spec(), null, '\t')],
    ['with a byte order mark', `\uFEFF${JSON.stringify(spec())}`],
  ])('is JSON %s', (_, text) => {
    expect(read(text)).toEqual([]);
  });

  it('has its problems at line and column', () => {
    const text = [
      'Count: 1',
      'Tasks:',
      '  - Engine:',
      '      Type: docker',
      '      Params:',
      '        Image: 7',
      '    network:',
      '      Type: HTTP',
      '      Domains:',
      '        - example.com',
      '        - "*.example.com"',
      '    Resuorces: {CPU: 1}',
      '',
    ].join('\n');
    expect([...read(text)].sort()).toEqual([
      expect.stringMatching(/^job\.yaml:11:11: Tasks\[0\]\.Network\.Domains\[1\]: .*\.example\.com/),
      expect.stringMatching(
        /^job\.yaml:12:\d+: Tasks\[0\]\.Resuorces: unknown field: did you mean Resources\?$/,
      ),
      expect.stringMatching(/^job\.yaml:6:16: Tasks\[0\]\.Engine\.Params\.Image: must be text/),
    ]);
  });

  it('that lacks a field is told at the place where it belongs', () => {
    expect(read('Name: x\nTasks:\n  - Engine:\n      Type: docker\n')).toEqual([
      expect.stringMatching(/^job\.yaml:3:5: Tasks\[0\]\.Engine\.Params\.Image: missing/),
    ]);
  });

  it.each([
    ['', 'empty'],
    ['# nothing\n', 'empty'],
    ['Tasks: [', 'job.yaml:1:'],
    ['a: 1\na: 2\n', '"a" is there twice'],
    ['{"Tasks": [{}], "Tasks": [{}]}', '"Tasks" is there twice'],
    ['\tTasks: 1', 'job.yaml:1:'],
    ['just text', 'must be a job spec'],
    ['- a\n', 'must be a job spec'],
    ['x'.repeat(1024 * 1024 + 1), 'larger than 1 MiB'],
    [`{"a":"${'x'.repeat(16 * 1024 * 1024)}"}`, 'larger than 16 MiB'],
    // Each alias ten times the one before: more nodes than memory.
    [
      `a: &a [${'x,'.repeat(10)}]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h']
        .map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(10)}]`)
        .join('\n')}\n`,
      'more than 200000 values',
    ],
    ['1: x\n"1": y\n', '"1" is there twice'],
    ['a: {b: 1, c: 2, b: 3}\n', '"b" is there twice'],
  ])('that is none is one line: %#', (text, problem) => {
    const [first = '', ...more] = read(text);
    expect(first).toContain(problem);
    expect(first).toMatch(/^job\.yaml:\d+:\d+: /);
    for (const line of [first, ...more]) expect(line).not.toContain('\n');
  });
});
