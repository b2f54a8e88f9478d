import { expect, it } from 'vitest';
import type { Line, State } from '../../../src/verify/check.js';
import { exitCodeOf, table, verdictOf } from '../../../src/verify/report.js';

const line = (state: State, title: string = state, detail = ''): Line => ({
  group: 'a group',
  title,
  state,
  detail,
  tries: [],
  controls: [],
});

it.each<[State[], State, number]>([
  [['held', 'held'], 'held', 0],
  [['held', 'unknown'], 'unknown', 125],
  [['unknown', 'leaks', 'held'], 'leaks', 1],
  [[], 'unknown', 125],
])('%j is %s, exit code %i', (states, verdict, code) => {
  expect(verdictOf(states.map((state) => line(state)))).toBe(verdict);
  expect(exitCodeOf({ verdict })).toBe(code);
});

it('the table has a line for each, by group, and obeys nothing that came back', () => {
  const lines = [line('held'), { ...line('leaks', 'TCP', 'answered \x1b[2J'), group: 'another' }];
  const text = table({ verdict: 'leaks', through: 'a test', seconds: 3, notes: ['no outside'], lines });
  expect(text).toBe(
    [
      'A hostile job, through a test',
      'note: no outside',
      '',
      'a group',
      'held     held  ',
      '',
      'another',
      'LEAKS    TCP   answered \\x1b[2J',
      '',
      '1 of 2 let something through, in 3 s.',
      '',
    ].join('\n'),
  );
});
