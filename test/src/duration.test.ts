import { expect, it } from 'vitest';
import { parseDuration } from '../../src/duration.js';

it.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['1.5s', 1500],
  ['10', 10_000],
])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

it.each(['', '0', '0s', '-1s', '1d', '1 h', 's', '1e3', 'Infinity', '9999999h'])(
  '%s is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);
