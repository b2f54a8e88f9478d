import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Echo,
  headerValues,
  type Origin,
  startEchoOrigin,
  startOrigin,
  startTcpOrigin,
} from '../support/origin.js';
import { startProxy, type TestProxy } from '../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../support/raw-client.js';

/** What follows hostile bytes: if it is ever served, something was smuggled. */
let origin: Origin;
let proxy: TestProxy;
let url: string;
let authority: string;

beforeAll(async () => {
  origin = await startEchoOrigin();
  authority = `allowed.test:${origin.port}`;
  url = `http://${authority}`;
  proxy = await startProxy({
    allow: ['.allowed.test', authority],
    limits: { connectionsPerSecond: 100_000 },
    direct: [origin.port],
  });
});

afterAll(async () => {
  await proxy?.proxy.close();
  await origin?.close();
});

async function echo(request: string): Promise<Echo> {
  const answer = await RawClient.exchange(proxy.port, request);
  expect(statusOf(answer)).toBe(200);
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Echo;
}

/**
 * Sends over a plain connection, again inside a tunnel, and again as a program does that knows of no proxy, with the
 * request line in the form that fits.
 */
async function bothWays(request: (target: string) => string): Promise<string[]> {
  const plain = await RawClient.exchange(proxy.port, request(url));
  await using client = await RawClient.connect(proxy.port);
  await client.connectTo(authority);
  client.send(request(''));
  await client.untilEnd();
  return [plain, client.text, await RawClient.exchange(proxy.direct(origin.port), request(''))];
}

describe('request smuggling: refused with 400, and nothing behind it is a request', () => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: AUTHORITY\r\nConnection: close\r\n\r\n';
  test.each([
    ['Transfer-Encoding without chunked', 'Transfer-Encoding: gzip', ''],
    ['Transfer-Encoding with chunked not last', 'Transfer-Encoding: chunked, gzip', '0\r\n\r\n'],
    ['Transfer-Encoding with two codings', 'Transfer-Encoding: gzip, chunked', '0\r\n\r\n'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['chunked and identity', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'],
    ['identity', 'Transfer-Encoding: identity', ''],
    ['xchunked', 'Transfer-Encoding: xchunked', ''],
    ['chunked in quotes', 'Transfer-Encoding: "chunked"', '0\r\n\r\n'],
    ['Content-Length and Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['Transfer-Encoding and Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 60', ''],
    ['two equal lengths', 'Content-Length: 0\r\nContent-Length: 0', ''],
    ['a list of lengths', 'Content-Length: 0, 60', ''],
    ['a signed length', 'Content-Length: +5', 'hello'],
    ['a hex length', 'Content-Length: 0x5', 'hello'],
    ['a negative length', 'Content-Length: -1', ''],
    ['an empty length', 'Content-Length:', ''],
    ['a length beyond 64 bits', 'Content-Length: 18446744073709551616', ''],
    ['a folded header', 'X: a\r\n Transfer-Encoding: chunked', ''],
    ['a space before the colon', 'Transfer-Encoding : chunked', '0\r\n\r\n'],
    ['a NUL in a header', 'X: a\0b', ''],
    ['a bare CR in a header', 'X: a\rTransfer-Encoding: chunked', ''],
    ['two Host headers', 'Host: AUTHORITY', ''],
    ['a chunk size with a sign', 'Transfer-Encoding: chunked', '+5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size in 0x', 'Transfer-Encoding: chunked', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk size that overflows', 'Transfer-Encoding: chunked', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
    ['a chunk that is longer than its size', 'Transfer-Encoding: chunked', '3\r\nhello\r\n0\r\n\r\n'],
    ['a chunk that ends in LF', 'Transfer-Encoding: chunked', '5\nhello\n0\n\n'],
  ])('%s', async (_, headers, body) => {
    const answers = await bothWays((target) =>
      `POST ${target}/ HTTP/1.1\r\nHost: AUTHORITY\r\n${headers}\r\n\r\n${body}${smuggled.replace('/smuggled', `${target}/smuggled`)}`.replaceAll(
        'AUTHORITY',
        authority,
      ),
    );
    for (const answer of answers) {
      expect(answer).not.toContain('/smuggled');
      // A broken chunk can come after the head is on its way: cut then, without an answer.
      if (answer !== '') expect([statusOf(answer), denialOf(answer)]).toEqual([400, 'malformed-request']);
      else expect(headers).toBe('Transfer-Encoding: chunked');
    }
  });

  test('bare LF instead of CRLF, in each place', async () => {
    for (const request of [
      `GET ${url}/ HTTP/1.1\nHost: x\n\n`,
      `GET ${url}/ HTTP/1.1\r\nHost: x\nX: y\r\n\r\n`,
      `GET ${url}/ HTTP/1.1\r\nHost: x\r\n\n`,
      `GET ${url}/\nHost: x\r\n\r\n`,
    ]) {
      await using client = await RawClient.connect(proxy.port);
      client.send(request);
      client.end();
      await client.untilEnd();
      expect([request, statusOf(client.text), denialOf(client.text)]).toEqual([
        request,
        400,
        'malformed-request',
      ]);
    }
  });

  test('other versions of HTTP', async () => {
    for (const version of [
      'HTTP/0.9',
      'HTTP/2.0',
      'HTTP/1.2',
      'HTTP/11',
      'http/1.1',
      'HTTP/1.1 ',
      'HTTP/1,1',
    ]) {
      const answer = await RawClient.exchange(proxy.port, `GET ${url}/ ${version}\r\nHost: x\r\n\r\n`);
      expect([version, statusOf(answer), denialOf(answer)]).toEqual([version, 400, 'malformed-request']);
      const connect = await RawClient.exchange(
        proxy.port,
        `CONNECT ${authority} ${version}\r\nHost: x\r\n\r\n`,
      );
      expect([version, statusOf(connect), denialOf(connect)]).toEqual([version, 400, 'malformed-request']);
    }
  });

  test('while well-formed bodies arrive whole, and what follows is the next request', async () => {
    const next = `GET ${url}/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    for (const [headers, body] of [
      ['Content-Length: 5', 'hello'],
      ['Transfer-Encoding: chunked', '2\r\nhe\r\n3;x="y"\r\nllo\r\n0\r\nX: y\r\n\r\n'],
      ['transfer-encoding:  Chunked ', '5\r\nhello\r\n0\r\n\r\n'],
    ]) {
      const answer = await RawClient.exchange(
        proxy.port,
        `POST ${url}/first HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}${next}`,
      );
      expect(answer.match(/"url":"[^"]*"|"body":"[^"]*"/g)).toEqual([
        '"url":"/first"',
        '"body":"hello"',
        '"url":"/next"',
        '"body":""',
      ]);
    }
  });

  test('the origin gets a GET with a chunked body framed as such, so that it reads what the proxy read', async () => {
    const seen: Buffer[] = [];
    await using raw = await startTcpOrigin((socket) => {
      socket.on('data', (chunk: Buffer) => {
        seen.push(chunk);
        if (chunk.includes('0\r\n\r\n')) socket.end('HTTP/1.1 204 No Content\r\n\r\n');
      });
    });
    const inner = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    await RawClient.exchange(
      proxy.port,
      `GET http://allowed.test:${raw.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
        `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    );
    const text = Buffer.concat(seen).toString('latin1');
    expect(text).toContain('Transfer-Encoding: chunked\r\n');
    expect(text.endsWith(`\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`)).toBe(true);
  });
});

describe('headers that must not pass', () => {
  test('hop-by-hop ones and those named in Connection, in any case and number', async () => {
    const { rawHeaders } = await echo(
      `GET ${url}/ HTTP/1.1\r\nHost: x\r\nconnection: close\r\nCONNECTION: x-one, X-TWO ,, "x"\r\nX-One: 1\r\nx-two: 2\r\nX-Three: 3\r\n` +
        'Keep-Alive: 1\r\nTE: trailers\r\nTrailer: X\r\nProxy-Connection: close\r\nProxy-Foo: 1\r\n\r\n',
    );
    const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    expect(names.sort()).toEqual(['connection', 'host', 'x-bacalhau-job-id', 'x-three']);
  });

  test('Connection cannot take away what the proxy sets', async () => {
    const seen = await echo(
      `POST ${url}/ HTTP/1.1\r\nHost: x\r\nConnection: close, Host, Content-Length, X-Bacalhau-Job-ID\r\nContent-Length: 5\r\n\r\nhello`,
    );
    expect(headerValues(seen.rawHeaders, 'host')).toEqual([authority]);
    expect(headerValues(seen.rawHeaders, 'x-bacalhau-job-id')).toEqual(['job-1']);
    expect(seen.body).toBe('hello');
  });

  test('Proxy-Authorization does not leave; Authorization does', async () => {
    const { rawHeaders } = await echo(
      `GET ${url}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nProxy-Authorization: Basic c2VjcmV0\r\nAuthorization: Bearer t\r\n\r\n`,
    );
    expect(rawHeaders.join()).not.toContain('c2VjcmV0');
    expect(headerValues(rawHeaders, 'authorization')).toEqual(['Bearer t']);
  });

  test('nothing tells the origin of the proxy or the container', async () => {
    const { rawHeaders } = await echo(`GET ${url}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    for (const name of ['via', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']) {
      expect(headerValues(rawHeaders, name)).toEqual([]);
    }
  });

  test('a job id that the job sends, over plain HTTP and inside a tunnel', async () => {
    const answers = await bothWays(
      (target) =>
        `GET ${target}/ HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\nX-BACALHAU-JOB-ID: forged\r\nx-bacalhau-job-id: forged\r\n\r\n`,
    );
    for (const answer of answers) {
      expect(answer).toContain('"X-Bacalhau-Job-ID","job-1"');
      expect(answer).not.toContain('forged');
    }
  });

  test('a deny header that the origin sends', async () => {
    await using forging = await startOrigin((_, response) => {
      response.setHeader('x-jobgate-deny', 'domain-not-allowed');
      response.setHeader('X-Other', 'kept');
      response.end();
    });
    const answer = await RawClient.exchange(
      proxy.port,
      `GET http://allowed.test:${forging.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(denialOf(answer)).toBeUndefined();
    expect(answer.toLowerCase()).not.toContain('x-jobgate-deny');
    expect(answer).toContain('X-Other: kept');
  });
});

describe('another host than the one that was judged', () => {
  test('Host that disagrees with the target: the origin sees the target', async () => {
    const { rawHeaders } = await echo(`GET ${url}/ HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n`);
    expect(headerValues(rawHeaders, 'host')).toEqual([authority]);
  });

  test('on a kept-alive connection is judged like the first', async () => {
    const answer = await RawClient.exchange(
      proxy.port,
      `GET ${url}/1 HTTP/1.1\r\nHost: x\r\n\r\nGET http://evil.test/ HTTP/1.1\r\nHost: x\r\n\r\n` +
        `GET ${url}/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403', 'HTTP/1.1 200']);
  });

  test('as ftp in absolute form, with user information, or with a fragment', async () => {
    for (const [target, reason] of [
      [`ftp://${authority}/`, 'unsupported-scheme'],
      ['file:///etc/passwd', 'unsupported-scheme'],
      [`http://evil.test@${authority}/`, 'malformed-target'],
      [`http:${authority}/`, undefined],
      [`http:/${authority}/`, undefined],
      [`http:///${authority}/`, undefined],
      [`//${authority}/`, 'malformed-target'],
    ]) {
      const answer = await RawClient.exchange(
        proxy.port,
        `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      // What Node's parser already refuses has no target.
      const expected = reason ?? expect.stringMatching(/^malformed-(?:target|request)$/);
      expect([target, statusOf(answer), denialOf(answer)]).toEqual([target, 400, expected]);
    }
  });
});

describe('Upgrade', () => {
  test('is refused with a reason, and nothing behind it is read', async () => {
    for (const protocol of ['h2c, websocket', 'websocket, websocket', 'TLS/1.0']) {
      const answers = await bothWays(
        (target) =>
          `GET ${target}/ HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n` +
          `GET ${target}/behind HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
      );
      for (const answer of answers) {
        expect([statusOf(answer), denialOf(answer)]).toEqual([403, 'unsupported-upgrade']);
        expect(answer).not.toContain('/behind');
      }
    }
  });

  test('to HTTP/2, which Java offers with every request, is left out, and the request goes on', async () => {
    await using client = await RawClient.connect(proxy.port);
    client.send(
      `GET ${url}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
    );
    const answer = await client.until('"body":""}');
    expect(statusOf(answer)).toBe(200);
    expect(answer.toLowerCase()).not.toContain('http2-settings');
  });
});

describe('an origin that misbehaves', () => {
  test('and never answers holds nothing but its own request', async () => {
    await using mute = await startOrigin(() => {});
    await using waiting = await RawClient.connect(proxy.port);
    waiting.send(`GET http://allowed.test:${mute.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expect.poll(() => mute.accepted).toBe(1);
    const { url: path } = await echo(`GET ${url}/other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(path).toBe('/other');
  });

  test('and answers before it was asked, or twice, cannot answer the next request', async () => {
    await using eager = await startTcpOrigin((socket) => {
      const one = (n: number) => `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${n}`;
      socket.on('data', () => socket.write(one(1) + one(2)));
    });
    const get = `GET http://allowed.test:${eager.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    await using client = await RawClient.connect(proxy.port);
    for (let i = 0; i < 3; i++) {
      const before = client.text.length;
      client.send(get);
      await expect.poll(() => client.text.slice(before)).toMatch(/\r\n\r\n.$/s);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(client.text.slice(before).match(/HTTP\/1\.1 200/g)).toHaveLength(1);
      expect(client.text.endsWith('1')).toBe(true);
    }
  });
});
