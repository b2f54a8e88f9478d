import { describe, expect, test } from 'vitest';
import { type Echo, headerValues, startEchoOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';

/** Sends a request, its connection closed by the answer, and gives what the echo origin saw. */
async function echoOf(port: number, request: string): Promise<Echo> {
  const answer = await RawClient.exchange(port, request);
  expect(statusOf(answer)).toBe(200);
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Echo;
}

describe('a request in absolute form', () => {
  test('reaches the host in origin form, its path untouched', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const url = `http://allowed.test:${origin.port}`;
    for (const path of ['/', '/a/../b//c', '/%2e%2e/%00', '/?', '/a?b?c=d&&e', '/x;y=1?http://other.test/']) {
      const echo = await echoOf(
        proxy.port,
        `GET ${url}${path} HTTP/1.1\r\nHost: allowed.test:${origin.port}\r\nConnection: close\r\n\r\n`,
      );
      expect([echo.method, echo.url]).toEqual(['GET', path]);
    }
    const bare = await echoOf(proxy.port, `GET ${url}?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(bare.url).toBe('/?q');
  });

  test('has the Host of its target, the job header, and nothing that is about the connection', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ execution: 'e-1' });
    const echo = await echoOf(
      proxy.port,
      [
        `GET http://ALLOWED.test.:${origin.port}/ HTTP/1.1`,
        'Host: other.test',
        'Connection: close, X-Secret, Keep-Alive',
        'X-Secret: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic eA==',
        'TE: trailers',
        'X-Bacalhau-Job-ID: forged',
        'x-bacalhau-job-id: forged too',
        'Accept: a',
        'accept: b',
        'User-Agent: t',
        '\r\n',
      ].join('\r\n'),
    );
    expect(echo.rawHeaders).toEqual([
      'Host',
      `allowed.test:${origin.port}`,
      'Accept',
      'a',
      'Accept',
      'b',
      'User-Agent',
      't',
      'X-Bacalhau-Job-ID',
      'job-1',
      'Connection',
      'keep-alive',
    ]);
  });

  test('without an execution the job id is stamped, under the name that the operator chose', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ jobHeader: 'X-Job' });
    const echo = await echoOf(
      proxy.port,
      `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nX-JOB: forged\r\nConnection: close\r\n\r\n`,
    );
    expect(headerValues(echo.rawHeaders, 'x-job')).toEqual(['job-1']);
  });

  test.each([
    ['POST', 'Content-Length: 5\r\n', 'hello'],
    ['POST', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ['GET', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ['DELETE', 'Transfer-Encoding: chunked\r\n', '5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n'],
    ['OPTIONS', 'Content-Length: 5\r\n', 'hello'],
  ])('%s with %j has its body framed anew', async (method, header, body) => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const echo = await echoOf(
      proxy.port,
      `${method} http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}\r\n${body}`,
    );
    expect([echo.method, echo.body]).toEqual([method, 'hello']);
    const framing = ['content-length', 'transfer-encoding'].flatMap((name) =>
      headerValues(echo.rawHeaders, name),
    );
    expect(framing).toEqual([header.startsWith('C') ? '5' : 'chunked']);
  });

  test('several requests on a connection go to their own hosts, over kept connections', async () => {
    await using origin = await startEchoOrigin();
    await using other = await startEchoOrigin();
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    for (let round = 1; round <= 3; round++) {
      for (const { port } of [origin, other]) {
        client.send(`GET http://allowed.test:${port}/${round} HTTP/1.1\r\nHost: x\r\n\r\n`);
        const answer = await client.until(`"/${round}","rawHeaders":["Host","allowed.test:${port}"`);
        expect(answer.match(/HTTP\/1\.1 200/g)?.length).toBeGreaterThan(0);
      }
    }
    expect([origin.accepted, other.accepted]).toEqual([1, 1]);
  });

  test('pipelined requests are answered in order', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const one = (n: number, more = '') =>
      `GET http://allowed.test:${origin.port}/${n} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const denied = 'GET http://denied.test/ HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await RawClient.exchange(
      proxy.port,
      one(1) + denied + one(2) + one(3, 'Connection: close\r\n'),
    );
    expect(answer.match(/HTTP\/1\.1 \d+|"url":"[^"]*"/g)).toEqual([
      'HTTP/1.1 200',
      '"url":"/1"',
      'HTTP/1.1 403',
      'HTTP/1.1 200',
      '"url":"/2"',
      'HTTP/1.1 200',
      '"url":"/3"',
    ]);
  });
});

describe('a request that is refused', () => {
  test.each([
    [
      'another host',
      'GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n',
      403,
      'domain-not-allowed',
    ],
    ['a port below 1024', 'GET http://allowed.test:25/ HTTP/1.1\r\nHost: x\r\n\r\n', 403, 'port-not-allowed'],
    ['ftp', 'GET ftp://allowed.test/ HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'unsupported-scheme'],
    ['origin form', 'GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n', 400, 'malformed-target'],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: allowed.test\r\n\r\n', 400, 'malformed-target'],
    [
      'two Host headers',
      'GET http://allowed.test/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n',
      400,
      'malformed-request',
    ],
    ['no Host', 'GET http://allowed.test/ HTTP/1.1\r\n\r\n', 400, 'malformed-request'],
    [
      'an unknown transfer coding',
      'POST http://allowed.test/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n',
      400,
      'malformed-request',
    ],
    [
      'an upgrade to something else than a WebSocket',
      'GET http://allowed.test/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n',
      403,
      'unsupported-upgrade',
    ],
    ['a broken request line', 'GET http://allowed.test/\r\n\r\n', 400, 'malformed-request'],
    ['not HTTP at all', 'SSH-2.0-x\r\n\r\n', 400, 'malformed-request'],
  ])('for %s', async (_, request, status, reason) => {
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(request);
    const answer = await client.until('\r\n\r\n');
    expect([statusOf(answer), denialOf(answer)]).toEqual([status, reason]);
    expect(proxy.denials).toEqual([reason]);
  });

  test('leaves the connection usable where its body is none or short', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const answer = await RawClient.exchange(
      proxy.port,
      'POST http://denied.test/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello' +
        `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 200']);
  });

  test.each([
    ['unknown length', 'Transfer-Encoding: chunked', '5\r\nhello\r\n', '0\r\n\r\n'],
    ['more than 64 KiB', 'Content-Length: 65537', 'hello', 'x'.repeat(65_532)],
  ])(
    'with a body of %s the connection closes, and nothing behind it is a request',
    async (_, head, begin, rest) => {
      await using origin = await startEchoOrigin();
      await using proxy = await startProxy();
      const hidden = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      await using client = await RawClient.connect(proxy.port);
      client.send(`POST http://denied.test/ HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${begin}`);
      await client.until('--domain denied.test)\n');
      client.send(rest + hidden);
      await client.untilEnd();
      expect(client.text).toContain('Connection: close');
      expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(proxy.decisions).toHaveLength(1);
      expect(origin.accepted).toBe(0);
    },
  );

  test('with Expect: 100-continue the refusal comes before any 100', async () => {
    await using proxy = await startProxy();
    const answer = await RawClient.exchange(
      proxy.port,
      'PUT http://denied.test/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n',
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403']);
  });
});

describe('Max-Forwards', () => {
  test.each([
    ['OPTIONS', '3', '2'],
    ['TRACE', '1', '0'],
    ['OPTIONS', '0', undefined],
    ['TRACE', '0', undefined],
    ['OPTIONS', 'x', undefined],
    // Of no other method does it say anything.
    ['GET', '0', '0'],
  ])('of %s, %s, reaches the origin as %s', async (method, asked, got) => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const request = `${method} http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nMax-Forwards: ${asked}\r\n\r\n`;
    if (got === undefined) {
      expect(denialOf(await RawClient.exchange(proxy.port, request))).toBe('malformed-request');
      expect(origin.accepted).toBe(0);
      return;
    }
    const { rawHeaders } = await echoOf(proxy.port, request);
    expect(headerValues(rawHeaders, 'max-forwards')).toEqual([got]);
  });
});
