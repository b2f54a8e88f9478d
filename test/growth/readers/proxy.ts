import { readConnectHead } from '../../../proxy/accept/connect-head.js';
import { AnswerReader } from '../../../proxy/http/answer-reader.js';
import { BrokenAnswer } from '../../../proxy/http/broken-answer.js';
import { readRequestHead, responseLines } from '../../../proxy/http/heads.js';
import { readSimpleHead } from '../../../proxy/http/simple-head.js';
import { readQuestion } from '../../../proxy/names/question.js';
import { Allowlist, parseEntry } from '../../../proxy/policy/allowlist.js';
import {
  parseAbsoluteTarget,
  parseConnectTarget,
  parseHost,
  parseHostHeader,
  parseHostPort,
} from '../../../proxy/policy/authority.js';
import { parseBudget } from '../../../proxy/policy/budget.js';
import { parseCidr, parseCidrPort } from '../../../proxy/policy/cidr-port.js';
import { DenyList } from '../../../proxy/policy/deny-list.js';
import { parseAddHost, parseDns } from '../../../proxy/policy/dns-flags.js';
import { parseIp } from '../../../proxy/policy/ip.js';
import { parseRate } from '../../../proxy/policy/rate.js';
import { parseUpstream } from '../../../proxy/policy/upstream.js';
import { printable } from '../../../proxy/report/subject.js';
import { ClientHelloReader } from '../../../proxy/tunnel/client-hello.js';
import { helloFor, helloMessage, records, serverNames } from '../../support/client-hello.js';
import { QTYPE, question } from '../../support/resolver.js';
import type { Reader } from '../growth.js';

const HOSTS = [
  'www.example.com',
  'a-b.example.com:8443',
  '192.0.2.1:80',
  '[2001:db8::1]:443',
  '::ffff:192.0.2.1',
];
const ENTRIES = [
  ...HOSTS,
  ' example.com ',
  '.example.com:8443',
  '*.example.com',
  'https://u@example.com/a?b#c',
];
const ALLOWED = Allowlist.parse(['.example.com', 'b.c', '.d.e:8443']);
const TARGETS = ['http://example.com:8080/a/b?c=d', 'http://u:p@example.com/', 'https://[2001:db8::1]/'];
const HEADERS = [
  'Host: a.test\nAccept: text/html, */*;q=0.1\nConnection: close, x-a\nUpgrade: a, b\n',
  'Host: a.test\nTransfer-Encoding: chunked\nExpect: 100-continue\nMax-Forwards: 3\n',
  'Content-Length: 3, 3\nX_Y: z\nTrailer: a\nProxy-Connection: x\n',
];

/** `Name: value` lines as Node's parser gives them. */
const rawHeaders = (text: string) =>
  text.split('\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, Math.max(0, colon)), line.slice(colon + 1)];
  });

/** Bytes in pieces of a size. */
function* pieces(text: string, size: number): Generator<Buffer> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function hello(size: number): Reader['read'] {
  return (text) => {
    const reader = new ClientHelloReader();
    for (const piece of pieces(text, size)) if (reader.push(piece).state !== 'more') return;
  };
}

function answer(size: number): Reader['read'] {
  return (text) => {
    const nothing = () => {};
    const sink = { information: nothing, head: nothing, body: nothing, whole: nothing };
    const reader = new AnswerReader({ toHead: false, headerBytes: 1_000_000 }, sink);
    try {
      for (const piece of pieces(text, size)) reader.push(piece);
    } catch (error) {
      if (!(error instanceof BrokenAnswer)) throw error;
    }
  };
}
const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: a, close\r\n\r\nhello',
  'HTTP/1.1 103 H\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n',
];

const HELLOS = [
  helloFor('www.example.com'),
  records(helloMessage({ serverName: serverNames([0, 'a.test']), extensions: [[51, Buffer.alloc(40)]] }), 7),
].map((bytes) => bytes.toString('latin1'));

export const PROXY: readonly Reader[] = [
  {
    name: 'the head of a simple request',
    read: (text) => readSimpleHead(Buffer.from(text, 'latin1'), false, 1_000_000),
    seeds: [
      'GET http://a.test/b?c=d HTTP/1.1\r\nHost: a.test\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n',
      'HEAD http://a.test HTTP/1.1\r\nHost:\t a.test \r\nConnection: close\r\n\r\n',
    ],
    count: 80,
  },
  { name: "an origin's answer", read: answer(1_000_000), seeds: ANSWERS, count: 60 },
  { name: "an origin's answer byte by byte", read: answer(1), seeds: ANSWERS, count: 30 },
  {
    name: 'a question for a name',
    read: (text) => readQuestion(Buffer.from(text, 'latin1')),
    seeds: [question('www.example.com'), question('a.b.c', { type: QTYPE.HTTPS, edns: true })].map((bytes) =>
      bytes.toString('latin1'),
    ),
  },
  {
    name: 'the head of a CONNECT',
    read: (text) => readConnectHead(Buffer.from(text, 'latin1')),
    seeds: [
      'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n',
      'CONNECT a.test:443 HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n',
    ],
    count: 80,
  },
  {
    name: 'names that an allowlist is asked about',
    read: (text) => {
      const host = parseHost(text);
      return host.ok && ALLOWED.match(host.value.host, 443, () => true);
    },
    seeds: ['www.a.example.com', 'b.c', 'a.b.c.d.e'],
  },
  { name: 'the target of a CONNECT', read: parseConnectTarget, seeds: HOSTS },
  { name: 'the target of a request', read: parseAbsoluteTarget, seeds: TARGETS },
  { name: 'a Host header', read: (text) => parseHostHeader(text, 80), seeds: HOSTS },
  { name: 'a host name', read: parseHost, seeds: HOSTS },
  { name: 'host:port', read: parseHostPort, seeds: HOSTS },
  { name: 'an address', read: parseIp, seeds: HOSTS },
  { name: 'a target in a log', read: printable, seeds: [...TARGETS, ...HOSTS] },
  { name: 'an entry', read: (text) => parseEntry(text), seeds: ENTRIES, count: 80 },
  {
    name: 'an allowlist',
    read: (text) => Allowlist.parse(text.split(' ')),
    seeds: ['example.com .b.com:8443 192.0.2.1 a.b.c.example.com', '.a.b .b.c .c.d'],
    longest: 16_384,
    count: 10,
  },
  {
    name: 'a deny list',
    read: (text) => DenyList.parse(text.split(' ')),
    seeds: ['example.com .b.com 192.0.2.0/24'],
    longest: 16_384,
    count: 10,
  },
  { name: 'a range', read: parseCidr, seeds: ['192.0.2.0/24', '2001:db8::/32'] },
  { name: 'a range with a port', read: parseCidrPort, seeds: ['192.0.2.0/24:80', '[2001:db8::/32]:443'] },
  {
    name: 'a budget',
    read: parseBudget,
    seeds: ['down=10GB,up=1GiB', 'host-up=1,then=slow:1mbit', 'unlimited'],
  },
  { name: 'a rate', read: parseRate, seeds: ['10mbit', '1.5 MB/s', 'unlimited', '10000000'] },
  { name: 'a name server', read: parseDns, seeds: ['192.0.2.1:53', '[2001:db8::1]:53', 'system'] },
  { name: 'a host of the operator', read: parseAddHost, seeds: ['a.test:192.0.2.1', 'a.test:2001:db8::1'] },
  {
    name: 'an upstream proxy',
    read: parseUpstream,
    seeds: ['http://u:p@proxy.test:3128/', 'socks5h://[::1]:1080'],
  },
  {
    name: 'the lines of a request',
    read: (text) => readRequestHead(rawHeaders(text), 'X-Job'),
    seeds: HEADERS,
  },
  { name: 'the lines of an answer', read: (text) => responseLines(rawHeaders(text)), seeds: HEADERS },
  { name: 'a ClientHello', read: hello(1_000_000), seeds: HELLOS },
  { name: 'a ClientHello byte by byte', read: hello(1), seeds: HELLOS },
];
