import type { Below } from '../soak/runner.js';

/** What a hostile job would put into a head. Targets are filled in. */
export interface Words {
  /** Authorities, allowed and not. */
  readonly authorities: readonly string[];
}

const METHODS = [
  'GET',
  'POST',
  'HEAD',
  'PUT',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PRI',
  'get',
  'G\0T',
  'CONNECT ',
  '',
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.1 ', 'HTTP/1.10', 'http/1.1', ''];
const SCHEMES = ['http://', 'HTTP://', 'https://', 'ftp://', 'http:', '//', '', 'http://a:b@', 'http:///'];
const PATHS = [
  '/',
  '',
  '/bytes/10',
  '/raw/53',
  '?q',
  '#f',
  '/a b',
  '/%00',
  '/\x7f',
  '/half/10',
  '/early',
  '/hints/3',
];
const LINES = [
  'Host: {a}',
  'Host : {a}',
  'host:{a}',
  'Host:',
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: 18446744073709551621',
  'Content-Length: -1',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length:\t5 ',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding:\x0bchunked',
  'Transfer_Encoding: chunked',
  'Connection: close',
  'Connection: keep-alive, x-bacalhau-job-id',
  'Connection: content-length, transfer-encoding, host',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABk',
  'Expect: 100-continue',
  'Expect: other',
  'X-Bacalhau-Job-ID: forged',
  'x-bacalhau-job-id: forged',
  'X_Bacalhau_Job_ID: forged',
  'X-Jobgate-Deny: forged',
  'Proxy-Authorization: Basic eDp5',
  'Proxy-Connection: keep-alive',
  'TE: trailers',
  'Trailer: X-Bacalhau-Job-ID',
  'Max-Forwards: 0',
  'Max-Forwards: 1',
  ' folded: line',
  'no colon',
  ': no name',
  'Name\0: nul',
  'Long: {long}',
  'X: \x80\xff',
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\0\r\n'];
const BODIES = [
  '',
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  '0\r\n\r\n',
  '5;a=b\r\nhello\r\n0\r\nX-Bacalhau-Job-ID: forged\r\n\r\n',
  'FFFFFFFFFFFFFFFF\r\n',
  '5\r\nhelloGET',
  '-5\r\n',
  '\r\n\r\n',
];
const BYTES = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  '/',
  '%',
  '@',
  '\x7f',
  '\xff',
  '\x16',
  '.',
  '\r\n\r\n',
];

export function pick<T>(list: readonly T[], below: Below): T {
  return list[below(list.length)] as T;
}

/** One head with what may be its body: mostly as it should be, with a few parts that should not. */
function message({ authorities }: Words, inTunnel: boolean, below: Below): string {
  const odd = (one: number) => below(one) === 0;
  const authority = pick(authorities, below);
  const method = odd(8) ? pick(METHODS, below) : pick(['GET', 'POST', 'CONNECT', 'GET'], below);
  const path = odd(4) ? pick(PATHS, below) : `/bytes/${below(200)}`;
  const scheme = odd(8) ? pick(SCHEMES, below) : inTunnel ? '' : 'http://';
  const target = method === 'CONNECT' ? authority : inTunnel && !odd(8) ? path : scheme + authority + path;
  const version = odd(10) ? pick(VERSIONS, below) : 'HTTP/1.1';
  const lines = [`Host: ${odd(4) ? pick(authorities, below) : authority}`];
  for (let n = below(4); n > 0; n--) lines.splice(below(lines.length + 1), 0, pick(LINES, below));
  const end = () => (odd(30) ? pick(ENDS, below) : '\r\n');
  const head = [`${method} ${target} ${version}`, ...lines].map((line) => line + end()).join('') + end();
  const body = pick(BODIES, below);
  return (head + body)
    .replaceAll('{a}', () => pick(authorities, below))
    .replaceAll('{long}', 'x'.repeat(below(70_000)));
}

/** A few messages, and now and then bytes inserted, removed, doubled or changed. */
export function mutatedMessages(words: Words, inTunnel: boolean, below: Below): Buffer {
  let text = '';
  for (let n = 1 + below(3); n > 0; n--) text += message(words, inTunnel, below);
  return mutated(text, below(3) === 0 ? 1 + below(4) : 0, below);
}

export function mutated(text: string, edits: number, below: Below): Buffer {
  let edited = text;
  for (let n = edits; n > 0; n--) {
    const at = below(edited.length + 1);
    const length = below(3) === 0 ? below(40) : 1;
    const middle = [
      pick(BYTES, below) + edited.slice(at, at + length),
      '',
      edited.slice(at, at + length).repeat(2),
      String.fromCharCode(below(256)),
    ][below(4)];
    edited = edited.slice(0, at) + middle + edited.slice(at + length);
  }
  return Buffer.from(edited, 'latin1');
}

/** An origin's answer, mostly with something wrong, always with a forged deny header. */
export function mutatedAnswer(below: Below): Buffer {
  const lines = [
    pick(
      ['Content-Length: 5', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'X: y', 'Content-Length: 99'],
      below,
    ),
    'X-Jobgate-Deny: forged',
  ];
  for (let n = below(3); n > 0; n--) lines.splice(below(lines.length + 1), 0, pick(LINES, below));
  const status = pick(
    ['200 OK', '200 OK', '204 No', '304 X', '101 S', '100 C', '199 X', '999 \xff', '20 X', '200'],
    below,
  );
  const version = below(6) === 0 ? pick(VERSIONS, below) : 'HTTP/1.1';
  const head = [`${version} ${status}`, ...lines].map((line) => `${line}\r\n`).join('');
  const text = `${head}\r\n${pick(BODIES, below)}`
    .replaceAll('{a}', 'x')
    .replaceAll('{long}', 'x'.repeat(below(70_000)));
  return mutated(text, below(2) === 0 ? 1 + below(3) : 0, below);
}
