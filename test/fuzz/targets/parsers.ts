import { isDeepStrictEqual } from 'node:util';
import { parseConnectTarget } from '../../../proxy/policy/authority.js';
import { ClientHelloReader } from '../../../proxy/tunnel/client-hello.js';
import { isConnectTargetByGrammar, random } from '../../proxy/policy/target-grammar.js';
import { helloFor, helloMessage, records, serverNames } from '../../support/client-hello.js';
import {
  answerByNode,
  answerHere,
  connectByNode,
  connectHere,
  isStricter,
  requestByNode,
  requestHere,
} from '../../support/node-parsers.js';
import { Differs, type Target } from '../target.js';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** @throws Differs */
export function same(what: string, one: unknown, other: unknown): void {
  if (isDeepStrictEqual(one, other)) return;
  throw new Differs(`${what}: ${JSON.stringify(one)} and ${JSON.stringify(other)}`);
}

const REQUESTS = [
  'GET http://a.test:8080/x?y=z HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nEmpty:\r\nTab:\ta\tb \r\n\r\n',
  'HEAD http://a_b.test HTTP/1.1\r\nhost: a.test\r\nConnection: close\r\n\r\n',
  'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: Keep-Alive\r\nProxy-Connection: close\r\n\r\n',
  'GET /a/b;c@d HTTP/1.1\r\nHost: a.test\r\nCookie: a=b; c="d"\r\n\r\n',
  'POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc',
  'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
];

const request = (inTunnel: boolean): Target => ({
  name: `a request ${inTunnel ? 'in a tunnel' : 'to the proxy'}, here and by Node`,
  seeds: REQUESTS,
  run: async (input) => {
    const here = requestHere(latin1(input), inTunnel);
    // All others are Node's anyway.
    if (here) same('a request', here, await requestByNode(latin1(input)));
  },
});

const HEADS = {
  length: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: a, close\r\n\r\nhello',
  chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\nX: y\r\n\r\n',
  early: 'HTTP/1.1 103 H\r\nLink: <a>\r\n\r\nHTTP/1.1 204 No\r\nKeep-Alive: timeout=5\r\n\r\n',
  old: 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n',
  open: '\r\nHTTP/1.1 304\r\n\r\nuntil the end',
};

const answer: Target = {
  name: 'an answer, here and by Node',
  seeds: Object.values(HEADS),
  batch: 30,
  run: async (input) => {
    const bytes = latin1(input);
    const below = random(input.length);
    for (const method of ['GET', 'HEAD']) {
      const here = answerHere(bytes, method, () => 1_000_000);
      same(
        `${method}, in one piece and in several`,
        here,
        answerHere(bytes, method, () => 1 + below(9)),
      );
      if (isStricter(here, bytes)) continue;
      const node = await answerByNode(bytes, method);
      if ('broken' in here || 'broken' in node) {
        same(`${method}, broken`, 'broken' in here, 'broken' in node);
        continue;
      }
      // A connection may be closed that could be kept, never the other way round.
      const { persists } = here;
      same(method, here, persists ? node : { ...node, persists });
    }
  },
};

const connect: Target = {
  name: 'a CONNECT, here and by Node',
  seeds: [
    'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nUser-Agent: curl/8\r\nX:\r\n\r\n',
    'CONNECT a.test:443 HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
    'CONNECT a.test:443 HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nTrailer: a\r\nUpgrade: b\r\n\r\n',
  ],
  run: async (input) => {
    const here = connectHere(latin1(input));
    if (here) same('a CONNECT', here, await connectByNode(latin1(input)));
  },
};

const hello: Target = {
  name: 'a ClientHello, in one piece and in several',
  seeds: [
    helloFor('www.example.com'),
    records(
      helloMessage({ serverName: serverNames([0, 'a.test']), extensions: [[51, Buffer.alloc(40)]] }),
      7,
    ),
    records(helloMessage({ serverName: serverNames([0, 'a.test'], [1, 'b']), tail: Buffer.from([1]) }), 90),
  ].map((bytes) => bytes.toString('latin1')),
  run: (input) => {
    const bytes = latin1(input);
    const below = random(input.length);
    const read = (size: () => number) => {
      const reader = new ClientHelloReader();
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + size());
        at += piece.length;
        const hello = reader.push(piece);
        // A part of one that is broken may be what is known of it first.
        if (hello.state === 'malformed') return hello.state;
        if (hello.state === 'done') return { ...hello, length: reader.length };
      }
      return 'more';
    };
    const whole = read(() => 1_000_000);
    same(
      'byte by byte',
      whole,
      read(() => 1),
    );
    same(
      'in pieces',
      whole,
      read(() => 1 + below(40)),
    );
  },
};

const target: Target = {
  name: 'the target of a CONNECT, by two grammars',
  seeds: [
    'www.example.com:443',
    'a-b._c.example.com.:8443',
    '192.0.2.1:80',
    '[2001:db8::1]:443',
    '[::ffff:192.0.2.1]:1',
  ],
  run: (input) => same('is one', parseConnectTarget(input).ok, isConnectTargetByGrammar(input)),
};

export const PARSERS: readonly Target[] = [request(false), request(true), answer, connect, hello, target];
