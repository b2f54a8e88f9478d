import { describe, expect, test } from 'vitest';
import { Chunks } from '../../../proxy/http/chunks.js';

/** Reads in pieces up to what is behind the last chunk. */
function read(text: string, size = text.length) {
  const chunks = new Chunks();
  let data = '';
  let at = 0;
  for (; at < text.length && !chunks.over; ) {
    const piece = Buffer.from(text.slice(0, at + size), 'latin1');
    at = chunks.read(piece, at, (part) => {
      data += part.toString('latin1');
    });
  }
  return { data, over: chunks.over, rest: text.slice(at) };
}

describe('chunks', () => {
  test.each([
    ['0\r\nrest', ''],
    ['5\r\nhello\r\n0\r\nrest', 'hello'],
    ['a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\nrest', '01234567890123456789'],
    ['0005;x="y z~!"\r\nhello\r\n0;\r\nrest', 'hello'],
    ['4\r\n\r\n\r\n\r\n0\r\nrest', '\r\n\r\n'],
    [`10\r\n${'x'.repeat(16)}\r\n0\r\nrest`, 'x'.repeat(16)],
  ])('are taken apart, up to what is behind them: %j', (text, data) => {
    for (const size of [1, 2, 3, text.length]) {
      expect(read(text, size)).toEqual({ data, over: true, rest: 'rest' });
    }
  });

  test('may have a size of so many digits, and no more', () => {
    expect(read(`${'0'.repeat(12)}1\r\nx\r\n0\r\n`)).toMatchObject({ data: 'x', over: true });
    expect(read('1'.padEnd(13, '0').concat('\r\nxyz'))).toMatchObject({ data: 'xyz', over: false });
    expect(() => read('0'.repeat(14))).toThrow('a chunk is too large');
  });

  test('may have extensions of so many bytes in all, and no more', () => {
    const chunk = `1;${'x'.repeat(8_191)};\r\nx\r\n`;
    expect(read(`${chunk}${chunk}0\r\n`)).toMatchObject({ data: 'xx', over: true });
    for (const size of [100, 100_000]) {
      expect(() => read(`${chunk}${chunk}0;x\r\n`, size)).toThrow('an extension of a chunk is broken');
    }
  });

  // Beside them are those just inside.
  test.each(['\0', '\n', '\t', '\x1f', '\x7f', '\x80', '\xff'])('have no %j in an extension', (byte) => {
    expect(read('1; ~\r\nx\r\n0\r\n').over).toBe(true);
    for (const at of [`1;${byte}x\r\n`, `1;x${byte}\r\n`]) {
      expect(() => read(at)).toThrow('an extension of a chunk is broken');
    }
  });

  test.each([
    ['\r\n', 'a chunk has no size'],
    [';x\r\n', 'a chunk has no size'],
    ['g\r\n', 'a chunk has no size'],
    ...['/', ':', '@', 'G', '`', 'g', ' ', '\n', '\t', '-', 'x'].map((byte) => [
      `1${byte}`,
      'the size of a chunk is no number',
    ]),
    ['1\rx', 'a chunk does not end where it should'],
    ['1;x\rx', 'a chunk does not end where it should'],
    ['1\r\nxx', 'a chunk does not end where it should'],
    ['1\r\nx\n', 'a chunk does not end where it should'],
    ['1\r\nx\rx', 'a chunk does not end where it should'],
    ['1\r\nx\r\n\r\n', 'a chunk has no size'],
  ])('are broken: %j', (text, problem) => {
    for (const size of [1, text.length]) expect(() => read(text as string, size)).toThrow(problem as string);
  });
});
