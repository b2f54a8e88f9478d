import { once } from 'node:events';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { ClientStream } from '../../../proxy/accept/client-connection.js';
import { ClientAnswer } from '../../../proxy/http/client-answer.js';

/** What a client gets, in the pieces that its socket is given at once; `hold`: it takes nothing for now. */
function client({ closes = false, hold = false } = {}) {
  const writes: number[] = [];
  const pieces: Buffer[] = [];
  let take: (() => void) | undefined;
  const stream = new Writable({
    highWaterMark: 65_536,
    writev: (chunks, done) => {
      writes.push(chunks.length);
      for (const { chunk } of chunks) pieces.push(chunk);
      if (hold) take = done;
      else done();
    },
  });
  return {
    stream,
    answer: new ClientAnswer(stream as unknown as ClientStream, closes),
    writes,
    text: () => Buffer.concat(pieces).toString('latin1'),
    take: () => take?.(),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const masked = (text: string) => text.replace(/Date: [A-Z][a-z]{2}, \d\d .* GMT/, 'Date: NOW');

describe('an answer to a client', () => {
  test('has a head, a date unless the origin gave one, and says what becomes of the connection', () => {
    for (const [closes, connection] of [
      [false, 'keep-alive'],
      [true, 'close'],
    ] as const) {
      const dated = client({ closes });
      dated.answer.head(299, 'F\xfcne', ['X', 'y', 'dAte', 'then', 'Fate', 'z'], 'length');
      dated.answer.body(Buffer.from('ok'));
      dated.answer.trailers([['X', 'y']]);
      dated.answer.flush();
      expect(dated.text()).toBe(
        `HTTP/1.1 299 F\xfcne\r\nX: y\r\ndAte: then\r\nFate: z\r\nConnection: ${connection}\r\n\r\nok`,
      );
      const undated = client({ closes });
      undated.answer.head(204, '', ['Fate', 'z'], 'none');
      undated.answer.flush();
      expect(masked(undated.text())).toBe(
        `HTTP/1.1 204 \r\nFate: z\r\nDate: NOW\r\nConnection: ${connection}\r\n\r\n`,
      );
    }
  });

  test.each(['chunked', 'end'] as const)('is in chunks where the origin delimits it by: %s', (framing) => {
    const { answer, text } = client();
    answer.head(200, 'OK', ['Date', 'now'], framing);
    answer.body(Buffer.from('x'.repeat(26)));
    answer.trailers([
      ['A', 'b'],
      ['C', 'd'],
    ]);
    answer.flush();
    expect(text()).toBe(
      'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `1a\r\n${'x'.repeat(26)}\r\n0\r\nA: b\r\nC: d\r\n\r\n`,
    );
  });

  test('has no phrase with a byte that none has', () => {
    const { answer } = client();
    for (const byte of ['\0', '\x08', '\n', '\r', '\x1f', '\x7f']) {
      expect(() => answer.head(200, `O${byte}K`, [], 'none')).toThrow('the reason phrase');
    }
    for (const byte of ['\t', ' ', '~', '\x80', '\xff']) answer.head(200, `O${byte}K`, [], 'none');
  });

  test('comes behind others, of which hints have links', () => {
    const { answer, text } = client();
    answer.processing();
    answer.hints(['X', 'y']);
    answer.hints(['Link', '<a>', 'X-Y', 'z', 'LINK', '<b>']);
    answer.flush();
    expect(text()).toBe(
      'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>, <b>\r\nx-y: z\r\n\r\n',
    );
  });

  test('may be a denial', () => {
    const { answer, text } = client({ closes: true });
    answer.denial('HTTP/1.1 403 No\r\n', { Date: 'now', X: 'y' }, 'sentence');
    answer.flush();
    expect(text()).toBe('HTTP/1.1 403 No\r\nDate: now\r\nX: y\r\nConnection: close\r\n\r\nsentence');
  });

  const BIG = 20_000;

  test.each([
    ['small ones as one', 16, 10, 1],
    ['many as one, however large', 17, BIG, 1],
    ['few large ones as they are', 16, BIG, 16],
    ['one as it is', 1, BIG * 2, 1],
  ])('goes out in pieces: %s', async (_, count, length, written) => {
    const { answer, writes, text } = client();
    const body = Array.from({ length: count }, (__, i) => Buffer.alloc(length, 65 + i));
    let sent = 0;
    for (const part of body) answer.body(part);
    answer.flush(() => sent++);
    await turn();
    expect([writes, sent]).toEqual([[written], 1]);
    expect(text() === Buffer.concat(body).toString()).toBe(true);
    // Each goes out once.
    answer.flush();
    await turn();
    expect(writes).toEqual([written]);
  });

  test('keeps its bytes when it goes out in large pieces', async () => {
    const { answer, text } = client();
    answer.head(200, '\xfc', ['Date', 'now'], 'chunked');
    answer.body(Buffer.alloc(BIG * 2, 'x'));
    answer.flush();
    await turn();
    expect(text()).toMatch(/^HTTP\/1\.1 200 \xfc\r\n[^x]*\r\n\r\n9c40\r\nx{40000}\r\n$/);
  });

  test.each([10, BIG * 2])(
    'of %i bytes is told to be sent once the last of it is out, and once',
    async (length) => {
      const { answer, take } = client({ hold: true });
      let sent = 0;
      answer.body(Buffer.from('head'));
      answer.body(Buffer.alloc(length));
      answer.flush(() => sent++);
      await turn();
      expect(sent).toBe(0);
      take();
      await turn();
      expect(sent).toBe(1);
    },
  );

  test('is never sent where the connection breaks before', async () => {
    const { answer, stream, take } = client({ hold: true });
    let sent = 0;
    answer.processing();
    answer.flush();
    answer.body(Buffer.from('head'));
    answer.flush(() => sent++);
    stream.destroy();
    await once(stream, 'close');
    take();
    await turn();
    expect(sent).toBe(0);
  });

  test('says when the client does not take more', () => {
    const { answer } = client({ hold: true });
    answer.body(Buffer.alloc(10));
    expect(answer.flush()).toBe(true);
    answer.body(Buffer.alloc(70_000));
    expect(answer.flush()).toBe(false);
  });
});
