import { describe, expect, test } from 'vitest';
import { AnswerReader } from '../../../proxy/http/answer-reader.js';

const HEADER_BYTES = 1_000;
const ANSWER = 'HTTP/1.1 204 No Content\r\n\r\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Reads in pieces, and gives the reader beside what it told of the answer. */
function reading(text: string, { size = 64, toHead = false } = {}) {
  const told: (number | string)[] = [];
  let body = '';
  const reader = new AnswerReader(
    { toHead, headerBytes: HEADER_BYTES },
    {
      information: ({ status }) => told.push(status),
      head: ({ status }) => told.push(status),
      body: (part) => {
        body += part.toString('latin1');
      },
      whole: (trailers) => told.push(body, ...trailers, 'whole'),
    },
  );
  for (let at = 0; at < text.length; at += size)
    reader.push(Buffer.from(text.slice(at, at + size), 'latin1'));
  return { reader, told, body: () => body };
}

describe('an answer', () => {
  test.each([
    ['of a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', [200, 'hello', 'whole']],
    [
      'with tabs where they delimit nothing',
      'HTTP/1.1 200 OK\r\nX: a\tb\r\nContent-Length:\t5\r\n\r\nhello',
      [200, 'hello', 'whole'],
    ],
    ['of no bytes', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', [200, '', 'whole']],
    ['without a body', ANSWER, [204, '', 'whole']],
    ['in chunks', `${CHUNKED}4\r\nhell\r\n1;x=y\r\no\r\n0\r\n\r\n`, [200, 'hello', 'whole']],
    ['with trailers', `${CHUNKED}0\r\nX-A: b\r\n\r\n`, [200, '', 'X-A', 'b', 'whole']],
    ['behind others', `HTTP/1.1 102 Wait\r\n\r\n\r\n\r\n${ANSWER}`, [102, 204, '', 'whole']],
  ])('%s leaves its connection open when it is whole, and not before', (_, text, all) => {
    for (const size of [1, 2, 3, 7, text.length]) {
      for (let length = size; length < text.length; length += size) {
        const { reader } = reading(text.slice(0, length), { size });
        expect([length, reader.done, reader.leavesOpen]).toEqual([length, false, false]);
      }
      const { reader, told } = reading(text, { size });
      expect([told, reader.done, reader.leavesOpen]).toEqual([all, true, true]);
    }
  });

  test('up to the end of its connection is whole with it, and leaves nothing open', () => {
    for (const size of [1, 5, 100]) {
      const { reader, told, body } = reading('HTTP/1.1 200 OK\r\n\r\nhello', { size });
      expect([told, body(), reader.done, reader.leavesOpen]).toEqual([[200], 'hello', false, false]);
      reader.ended();
      expect([told, reader.done, reader.leavesOpen]).toEqual([[200, 'hello', 'whole'], true, false]);
    }
  });

  test('to HEAD has no body, whatever it says of one', () => {
    const { reader, told } = reading('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', { toHead: true });
    expect([told, reader.leavesOpen]).toEqual([[200, '', 'whole'], true]);
  });

  test('with something behind it, or whose connection ended, leaves nothing open', () => {
    for (const size of [1, 1_000]) {
      const { reader, told } = reading(`${ANSWER}H`, { size });
      expect([told, reader.done, reader.leavesOpen]).toEqual([[204, '', 'whole'], true, false]);
    }
    const { reader } = reading(ANSWER);
    expect(reader.leavesOpen).toBe(true);
    reader.ended();
    expect([reader.done, reader.leavesOpen]).toEqual([true, false]);
  });

  test.each(['HTTP/1.1 2', CHUNKED, `${CHUNKED}0\r\n`, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'])(
    'that is cut is not whole: %j',
    (text) => {
      const { reader, told } = reading(text);
      expect(() => reader.ended()).toThrow('cut');
      expect(told).not.toContain('whole');
    },
  );

  test.each([
    ['HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n', 'an upgrade that nobody asked for'],
    ['HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\n', 'a 1xx that ends its connection'],
    ['HTTP/1.1 099 Nothing\r\n\r\n', 'an unknown status'],
    [`${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`, 'Content-Length in a trailer'],
    [`${CHUNKED}0\r\nX : y\r\n\r\n`, 'a header line is broken'],
  ])('is broken: %j', (text, problem) => {
    for (const size of [1, text.length]) expect(() => reading(text, { size })).toThrow(problem);
  });
});

describe('so many bytes', () => {
  const sized = (start: string, length: number) => `${start}X: `.padEnd(length - 4, 'x').concat('\r\n\r\n');

  test.each([
    ['a head', 'HTTP/1.1 204 No Content\r\n', ''],
    ['trailers', '', `${CHUNKED}0\r\n`],
  ])('may %s have, and no more', (_, start, before) => {
    for (const size of [1, 64, 10_000]) {
      expect(reading(before + sized(start, HEADER_BYTES), { size }).reader.done).toBe(true);
      const more = before + sized(start, HEADER_BYTES + 1);
      expect(() => reading(more, { size })).toThrow('a head is too large');
    }
  });

  test('of ends of lines may be before an answer, and no more', () => {
    const blank = '\r\n'.repeat(HEADER_BYTES / 2);
    for (const size of [4, 64, 100]) {
      expect(reading(blank, { size }).reader.done).toBe(false);
      expect(reading(blank.slice(ANSWER.length + 4) + ANSWER, { size }).reader.done).toBe(true);
      expect(() => reading(`${blank}\r\n\r\n`, { size })).toThrow('ends of lines without end');
    }
  });
});
