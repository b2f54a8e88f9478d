import { expect, it } from 'vitest';
import { AnswerReader } from '../../../proxy/http/answer-reader.js';

const HEADER_BYTES = 1_000;
const ANSWER = 'HTTP/1.1 204 No Content\r\n\r\n';

function read(text: string): AnswerReader {
  const sink = { information: () => {}, head: () => {}, body: () => {}, whole: () => {} };
  const reader = new AnswerReader({ toHead: false, headerBytes: HEADER_BYTES }, sink);
  for (let at = 0; at < text.length; at += 64) reader.push(Buffer.from(text.slice(at, at + 64)));
  return reader;
}

it('passes over ends of lines before an answer, but no more of them than a head may have', () => {
  expect(read(`${'\r\n'.repeat(HEADER_BYTES / 2 - 10)}${ANSWER}`).done).toBe(true);
  expect(() => read('\r\n'.repeat(HEADER_BYTES))).toThrow('ends of lines without end');
});
