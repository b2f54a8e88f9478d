import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_QUESTION, readQuestion } from '../../../proxy/names/question.js';
import { QTYPE, question } from '../../support/resolver.js';

const opt = (options: Buffer) => {
  const fixed = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, options.length >> 8, options.length & 255]);
  return Buffer.concat([question('a.test', { edns: true }).subarray(0, -11), fixed, options]);
};
const withCount = (at: number, count: number, message = question('a.test')) => {
  const changed = Buffer.from(message);
  changed.writeUInt16BE(count, at);
  return changed;
};

describe('a question is read', () => {
  test.each([
    ['plain', question('a.b.test'), 'a.b.test'],
    ['in capitals, kept as it came', question('A.tEst'), 'A.tEst'],
    [
      'with bytes that are no letters, for the grammar to judge',
      question(['a\0b', '\xff', 'test']),
      'a\0b.\xff.test',
    ],
    ['for the root', question(''), ''],
    ['with EDNS', question('a.test', { edns: true }), 'a.test'],
    ['with a cookie and padding', opt(Buffer.alloc(400)), 'a.test'],
    ['of any class', question('a.test', { class: 255 }), 'a.test'],
    [
      'as long as a name can be',
      question(`${'a'.repeat(63)}.`.repeat(3) + 'b'.repeat(61)),
      `${'a'.repeat(63)}.`.repeat(3) + 'b'.repeat(61),
    ],
  ])('%s', (_, message, name) => {
    expect(readQuestion(message)).toMatchObject({ is: 'question', question: { name } });
  });
});

describe('what is none is an error, or nothing at all', () => {
  test.each([
    ['an answer', question('a.test', { flags: 0x8180 }), 'noise'],
    ['nothing', Buffer.alloc(0), 'noise'],
    ['half a header', Buffer.alloc(11), 'noise'],
    ['a message that is too long', Buffer.concat([question('a.test'), Buffer.alloc(MAX_QUESTION)]), 'noise'],
    ['a NOTIFY', question('a.test', { flags: 0x2000 }), 4],
    ['an UPDATE', question('a.test', { flags: 0x2800 }), 4],
    ['no question', withCount(4, 0), 1],
    ['two questions', withCount(4, 2), 1],
    ['65535 questions', withCount(4, 65_535), 1],
    ['an answer beside it', withCount(6, 1), 1],
    ['an authority beside it', withCount(8, 1), 1],
    ['a record that is not there', withCount(10, 1), 1],
    ['two OPT records', withCount(10, 2, question('a.test', { edns: true })), 1],
    ['bytes behind it', Buffer.concat([question('a.test'), Buffer.from([0])]), 1],
    ['bytes behind its OPT record', Buffer.concat([question('a.test', { edns: true }), Buffer.from([0])]), 1],
    ['an OPT record that is cut', question('a.test', { edns: true }).subarray(0, -1), 1],
    ['a name that is cut', question('a.test').subarray(0, -6), 1],
    ['no type', question('a.test').subarray(0, -4), 1],
    ['a pointer', Buffer.concat([question('').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]), 1],
    [
      'a label of a reserved kind',
      Buffer.concat([question('').subarray(0, 12), Buffer.from([0x41, 65, 0, 0, 1, 0, 1])]),
      1,
    ],
    ['a dot within a label', question(['allowed.test', 'evil']), 1],
    ['a name over 255 bytes', question('a.'.repeat(128)), 1],
    ['a zone transfer', question('a.test', { type: QTYPE.AXFR }), 5],
    ['a part of one', question('a.test', { type: QTYPE.IXFR }), 5],
    ['another class', question('version.bind', { class: 3, type: QTYPE.TXT }), 5],
  ])('%s', (_, message, expected) => {
    const reading = readQuestion(message);
    expect(reading.is === 'error' ? reading.rcode : reading.is).toBe(expected);
  });

  test('whatever the bytes, nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, header) => {
        const message = Buffer.concat([
          header ? question('').subarray(0, 12) : Buffer.alloc(0),
          Buffer.from(bytes),
        ]);
        readQuestion(message);
      }),
      { numRuns: 500 },
    );
  });
});
