import { describe, expect, test } from 'vitest';
import { mutatedAnswer, mutatedMessages } from '../../fuzz/mutate.js';
import {
  type Asked,
  answerByNode,
  answerHere,
  isStricter,
  requestByNode,
  requestHere,
  type Understood,
} from '../../support/node-parsers.js';

/** Numbers that are the same each time (mulberry32). */
function random(seed: number) {
  let state = seed;
  return (limit: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel',
  'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 A\x01B\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 \xe9\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n',
  'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n',
  'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200\tOK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n',
  '\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  '\rHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  '\n\r\n\r\n\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n',
  'HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length:  5 \t\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED \r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\n\r\nhello',
  `${chunked}5 \r\nhello\r\n0\r\n\r\n`,
  `${chunked}5;a=b\r\nhello\r\n0;c\r\n\r\n`,
  `${chunked}5;a="b c"\r\nhello\r\n0\r\n\r\n`,
  `${chunked}5\nhello\r\n0\r\n\r\n`,
  `${chunked}5\r\nhello0\r\n\r\n`,
  `${chunked}5\r\nhelloX\r\n0\r\n\r\n`,
  `${chunked}5\r\nhello\n0\r\n\r\n`,
  `${chunked}0005\r\nhello\r\n00\r\n\r\n`,
  `${chunked}A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n`,
  `${chunked}-5\r\nhello\r\n0\r\n\r\n`,
  `${chunked}\r\nhello\r\n0\r\n\r\n`,
  `${chunked}5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n`,
  `${chunked}5\r\nhello\r\n0\r\nC : d\r\n\r\n`,
  `${chunked}5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n`,
  `${chunked}0\r\nTransfer-Encoding: chunked\r\n\r\n`,
  `${chunked}0\r\nTransfer-Encoding: gzip\r\n\r\n`,
  `${chunked}0\r\nConnection: close\r\n\r\n`,
  `${chunked}0\r\nA: b\r\n c\r\n\r\n`,
  `${chunked}0\r\nA: b\n\r\n`,
  `${chunked}5\r\nhello\r\n0\r\n`,
  `${chunked}5\r\nhello\r\n`,
  'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA:\r\n c\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: \x7f\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nA: \x80\xff\t x \t\r\nB:\xa0x\xa0\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: foo, close\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: foo, CLOSE ,bar\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nProxy-Connection: close\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.0 103 Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n',
  'HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 205 Reset\r\n\r\nxx',
  'HTTP/1.1 200 OK\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'SSH-2.0-OpenSSH\r\n\r\n',
  '',
];

describe("an origin's answer is to jobgate what it is to Node", () => {
  async function compare(bytes: Buffer, method: string, size: () => number): Promise<Understood> {
    const here = answerHere(bytes, method, size);
    if (isStricter(here, bytes)) return here;
    const byNode = await answerByNode(bytes, method);
    // A connection may be closed that could be kept, never the other way round.
    const careful = 'persists' in byNode && 'persists' in here && byNode.persists && !here.persists;
    expect(comparable(here)).toEqual(comparable(careful ? { ...byNode, persists: false } : byNode));
    return here;
  }

  /** Of a broken one that it is; a cut one need not say how much of it came. */
  const comparable = (understood: Understood) => ('broken' in understood ? 'broken' : understood);

  async function persistsInNode(text: string, method: string): Promise<boolean> {
    const byNode = await answerByNode(latin1(text), method);
    return 'persists' in byNode && byNode.persists;
  }

  test.each(ANSWERS.map((text) => [text]))('%j', async (text) => {
    for (const method of ['GET', 'HEAD']) {
      const whole = await compare(latin1(text), method, () => 1_000_000);
      if (!('broken' in whole) && !text.startsWith('HTTP/1.0')) {
        expect(whole.persists).toBe(await persistsInNode(text, method));
      }
      for (const size of [1, 2, 7]) expect(answerHere(latin1(text), method, () => size)).toEqual(whole);
    }
  });

  test('random ones, mostly with something wrong', { timeout: 120_000 }, async () => {
    const below = random(1);
    let answers = 0;
    for (let i = 0; i < 3_000; i++) {
      const bytes = mutatedAnswer(below);
      const here = await compare(bytes, below(4) === 0 ? 'HEAD' : 'GET', () => 1 + below(400));
      if (!('broken' in here)) answers++;
    }
    expect(answers).toBeGreaterThan(300);
  });

  test('a head that is too large is refused, however it comes', () => {
    const endless = latin1(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`);
    for (const size of [1_000, 1_000_000]) {
      expect(answerHere(endless, 'GET', () => size)).toEqual({ broken: 'a head is too large' });
    }
    const trailers = latin1(`${chunked}0\r\nX: ${'x'.repeat(100_000)}`);
    expect(answerHere(trailers, 'GET', () => 1_000)).toMatchObject({ body: undefined });
  });
});

describe('a request that jobgate reads itself is to Node what it is to it', () => {
  const REQUESTS = [
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET http://a.test:8080/x?y=z&q#f HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET http://a.test:8080/x?y=z&q?% HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nEmpty:\r\nTab:\ta\tb \r\n\r\n',
    'HEAD http://a_b.test HTTP/1.1\r\nhost: a.test\r\nConnection: close\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: Keep-Alive\r\nProxy-Connection: close\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nProxy-Connection: Keep-Alive\r\n\r\n',
    'GET /a/b;c@d HTTP/1.1\r\nHost: a.test\r\nCookie: a=b; c="d"\r\n\r\n',
    "GET /!$&'()*+,;=:@%20~ HTTP/1.1\r\nHost: a.test\r\n!#$%&'*+-.^_`|~: x\r\n\r\n",
  ];
  const NOT_SIMPLE = [
    'POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET http://a.test/ HTTP/1.0\r\nHost: a.test\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\nHost: a.test\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost : a.test\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n folded\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nX: \xff\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nX: \0\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\ntransfer-ENCODING: x\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: x-hop\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: close, x\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: close\t\r\n\r\n',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\nGET ',
    'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n',
    'GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET http://[::1]/ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET http://a.test/\\ HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET http://a.test/#f HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET  HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'GET * HTTP/1.1\r\nHost: a.test\r\n\r\n',
  ];
  const plain = (asked: Asked | undefined) =>
    asked && { method: asked.method, target: asked.target, lines: asked.lines, closes: asked.closes };

  test.each(
    REQUESTS.slice(0, 1)
      .concat(REQUESTS.slice(2))
      .map((text) => [text]),
  )('%j', async (text) => {
    const here = requestHere(latin1(text), text.includes(' /'));
    expect(here).toBeDefined();
    expect(plain(here)).toEqual(plain(await requestByNode(latin1(text))));
  });

  test.each(NOT_SIMPLE.map((text) => [text]))('%j is left to it', (text) => {
    expect([requestHere(latin1(text), false), requestHere(latin1(text), true)]).toEqual([
      undefined,
      undefined,
    ]);
  });

  test('in the form that its place asks for', () => {
    const [absolute = '', , , , , , origin = ''] = REQUESTS;
    expect([requestHere(latin1(absolute), true), requestHere(latin1(origin), false)]).toEqual([
      undefined,
      undefined,
    ]);
  });

  test('random ones, with something wrong now and then', { timeout: 120_000 }, async () => {
    const below = random(2);
    let simple = 0;
    for (let i = 0; i < 20_000; i++) {
      const inTunnel = below(3) === 0;
      const bytes = mutatedMessages({ authorities: ['a.test', 'b.test:8080'] }, inTunnel, below);
      const here = requestHere(bytes, inTunnel);
      if (here === undefined) continue;
      simple++;
      expect(plain(here)).toEqual(plain(await requestByNode(bytes)));
    }
    expect(simple).toBeGreaterThan(50);
  });
});
