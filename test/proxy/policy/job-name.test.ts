import { expect, it } from 'vitest';
import { jobName } from '../../../proxy/policy/job-name.js';

it.each([
  ['Weather of the north pole', 'Weather of the north pole'],
  ['  two\t\r\n lines\u2028and more ', 'two lines and more'],
  ['\u001b[31mred\u0007', '[31mred'],
  ['gnp\u202eevil\u2066', 'gnp evil'],
  ['half of a pair \ud83d', 'half of a pair'],
  ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ['❄'.repeat(200), '❄'.repeat(128)],
  ['😀'.repeat(200), '😀'.repeat(128)],
  ['x'.repeat(10_000_000), 'x'.repeat(128)],
  ['\u200b \u0000', undefined],
  ['\u3164\u115f\u2800\u034f\ufe0f\u{e0100}', undefined],
  ['a\u3164b\u2800c', 'a b c'],
  ['\u0301\u0302', undefined],
  ['e\u0302\u0301', 'e\u0302\u0301'],
  [`a${'\u0301'.repeat(127)}b`, 'a\u0301\u0301b'],
  ['', undefined],
  [undefined, undefined],
])('a name is what can be shown of it: %j', (text, name) => expect(jobName(text)).toBe(name));
