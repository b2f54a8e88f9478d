import { expect, it } from 'vitest';
import { hasColors } from '../../src/color.js';

it.each([
  ['a terminal', true, {}, true],
  ['a pipe', false, {}, false],
  ['a terminal and NO_COLOR', true, { NO_COLOR: '1' }, false],
  ['a terminal and an empty NO_COLOR', true, { NO_COLOR: '' }, true],
  ['a terminal that is dumb', true, { TERM: 'dumb' }, false],
  ['a pipe and FORCE_COLOR', false, { FORCE_COLOR: '1', TERM: 'dumb' }, true],
  ['a terminal and FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
  ['FORCE_COLOR and NO_COLOR', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
])('%s: colours %s, %o → %s', (_name, isTTY, env, expected) => {
  expect(hasColors({ isTTY }, env)).toBe(expected);
});
