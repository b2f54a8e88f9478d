import { expect, test } from 'vitest';
import { parseBytes } from '../../../proxy/policy/bytes.js';

test.each([
  ['1', 1],
  ['1b', 1],
  ['2k', 2e3],
  ['2KB', 2e3],
  ['2Ki', 2 * 1024],
  ['2KiB', 2 * 1024],
  ['3mb', 3e6],
  ['3 GiB', 3 * 1024 ** 3],
  ['1,000 t', 1e15],
  ['1.5kb', 1_500],
  ['.5k', 500],
  [10, 10],
  ['15EiB', 15 * 1024 ** 6],
])('%j is %s bytes', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

test.each(['', 'b', '-1', '1kbit', '1x', '1.', '1..5k', '.k', '16EiB', 'constructor', '9'.repeat(65)])(
  '%j is no size',
  (text) => expect(parseBytes(text)).toBeUndefined(),
);
