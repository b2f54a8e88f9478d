import { expect, test } from 'vitest';
import { runOptions } from './run-options.js';
import { run } from './runner.js';
import { refused, requests } from './scenarios.js';

test.each<[string[], object]>([
  [['--seconds', '5', '--seed', '7'], { ms: 5_000, seed: 7 }],
  [['--minutes', '2', '--seed', '7'], { ms: 120_000, seed: 7 }],
  [['--hours', '0.5', '--seed', '0', '--only', '0'], { ms: 1_800_000, seed: 0, only: 0 }],
  [['--seed', '7'], { ms: 120_000, seed: 7 }],
])('%j', (args, options) => {
  expect(runOptions(args)).toEqual(options);
});

test.each([
  [['--only', 'x']],
  [['--only', '']],
  [['--only', '1.5']],
  [['--seed=-1']],
  [['--seconds', '0']],
  [['--seconds', '1', '--hours', '1']],
])('%j is told to be none', (args) => {
  expect(() => runOptions(args)).toThrow(/usage: /);
});

test('one scenario by its number runs, and all comes back; a run in which none did has failed', async () => {
  expect(await run('one', [requests, refused], 1, { ms: 1, seed: 1, only: 3 })).toBe(true);
  expect(await run('none', [requests, refused], 0, { ms: 1, seed: 1 })).toBe(false);
});
