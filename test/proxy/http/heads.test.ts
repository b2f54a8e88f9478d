import { describe, expect, test } from 'vitest';
import {
  checkVersion,
  hasUnknownCoding,
  readRequestHead,
  responseLines,
  trailerLines,
} from '../../../proxy/http/heads.js';

const JOB = 'X-Job';
/** Lines as Node gives them, from `Name: value`; values as they are. */
const raw = (...lines: string[]) =>
  lines.flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
const read = (...lines: string[]) => readRequestHead(raw(...lines), JOB);

test.each(['1.0', '1.1'])('HTTP/%s is read', (version) => {
  expect(() => checkVersion(version)).not.toThrow();
});

test.each(['0.9', '2.0', '1.2', ''])('HTTP/%s is not', (version) => {
  expect(() => checkVersion(version)).toThrow('the version is not HTTP/1.1 or 1.0');
});

describe('a request', () => {
  test('goes to the origin with its own lines, in order, and none that is about this hop', () => {
    const { lines } = read(
      'Accept:a',
      'Connection: X-Hop , close,',
      'X-hop:1',
      'Keep-Alive:5',
      'TE:trailers',
      'Trailer:x',
      'HTTP2-Settings:x',
      'Proxy-Anything:x',
      'accept:b',
      'CONNECTION:other',
      'Other:1',
      'Proxy:kept',
      'X-Jobs:kept',
    );
    expect(lines).toEqual(raw('Accept:a', 'accept:b', 'Proxy:kept', 'X-Jobs:kept'));
  });

  test('names no job, in any spelling that a server takes for the header', () => {
    for (const name of ['X-Job', 'x-job', 'X_Job', 'X.JOB', 'X!Job']) {
      expect([name, read(`${name}:forged`, 'A:b').lines]).toEqual([name, raw('A:b')]);
    }
  });

  test('is understood where the proxy says it anew', () => {
    const none = { framing: { kind: 'none' }, expectsContinue: false, hosts: [], upgrades: [], lines: [] };
    expect(read()).toMatchObject({ ...none, webSocket: false, maxForwards: undefined });
    expect(read('Host:a', 'host:b')).toMatchObject({ ...none, hosts: ['a', 'b'] });
    expect(read('Content-Length:5')).toMatchObject({ ...none, framing: { kind: 'length', length: '5' } });
    for (const value of ['chunked', ' Chunked ', '\tCHUNKED']) {
      expect(read(`Transfer-Encoding:${value}`)).toMatchObject({ ...none, framing: { kind: 'chunked' } });
    }
    expect(read('Expect: 100-Continue ')).toMatchObject({ ...none, expectsContinue: true });
    expect(read('Max-Forwards: 3 ')).toMatchObject({ ...none, maxForwards: '3' });
  });

  test.each([
    ['Transfer-Encoding is not just chunked', ['Transfer-Encoding:gzip']],
    ['Transfer-Encoding is not just chunked', ['Transfer-Encoding:gzip, chunked']],
    ['Transfer-Encoding is not just chunked', ['Transfer-Encoding:chunked', 'transfer-encoding:chunked']],
    ['Transfer-Encoding and Content-Length together', ['Content-Length:5', 'Transfer-Encoding:chunked']],
    ['Expect is not 100-continue', ['Expect:magic']],
    ['Expect is not 100-continue', ['Expect:']],
  ])('is refused: %s', (detail, lines) => {
    expect(() => read(...lines)).toThrow(expect.objectContaining({ detail }));
  });

  test('is for a WebSocket where it says so, and says nothing else', () => {
    const connection = 'Connection: keep-alive, Upgrade';
    expect(read(connection, 'Upgrade: WebSocket ,')).toMatchObject({
      upgrades: ['websocket'],
      webSocket: true,
      lines: [],
    });
    for (const lines of [
      ['Upgrade:websocket'],
      ['Connection:keep-alive', 'Upgrade:websocket'],
      [connection],
      [connection, 'Upgrade:h2c'],
      [connection, 'Upgrade:websocket, h2c'],
      [connection, 'Upgrade:websocket', 'Upgrade:websocket'],
    ]) {
      expect([lines, read(...lines).webSocket]).toEqual([lines, false]);
    }
  });
});

describe('an answer', () => {
  test('reaches the job without what is about this hop, and without a denial that is not the proxy’s', () => {
    const kept = ['Set-Cookie:a', 'set-cookie:b', 'Content-Length:5', 'Host:kept'];
    const lines = responseLines(
      raw(
        'x-jobgate-deny:forged',
        'Connection:X-Hop, Content-Length',
        'X-HOP:1',
        'Proxy-Authenticate:x',
        ...kept,
      ),
    );
    expect(lines).toEqual(raw(...kept));
  });

  test('has trailers that say nothing of how it is read', () => {
    const trailers = trailerLines(
      raw(
        'X-Sum:1',
        'Host:x',
        'Content-Length:5',
        'Expect:x',
        'Max-Forwards:1',
        'Trailer:x',
        'X-Jobgate-Deny:x',
        'x-sum:2',
      ),
    );
    expect(trailers).toEqual([
      ['X-Sum', '1'],
      ['x-sum', '2'],
    ]);
  });

  test('may be coded in chunks, and in nothing else', () => {
    for (const lines of [
      [],
      ['Transfer-Encoding:chunked'],
      ['transfer-encoding: Chunked '],
      ['transfer-encoding:\tchunked\t'],
      // A value that looks like a name is none.
      ['X:transfer-encoding', 'gzip:x'],
      ['Content-Encoding:gzip'],
    ]) {
      expect([lines, hasUnknownCoding(raw(...lines))]).toEqual([lines, false]);
    }
    for (const value of ['gzip', '', 'gzip, chunked', 'chunked, chunked', 'xchunked']) {
      const lines = raw('A:b', `Transfer-Encoding:${value}`);
      expect([value, hasUnknownCoding(lines)]).toEqual([value, true]);
    }
    expect(hasUnknownCoding(raw('Transfer-Encoding:chunked', 'Transfer-Encoding:gzip'))).toBe(true);
  });
});
