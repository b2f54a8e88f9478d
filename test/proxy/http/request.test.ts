import http from 'node:http';
import { describe, expect, test } from 'vitest';
import {
  type Echo,
  headerValues,
  startEchoOrigin,
  startOrigin,
  startTcpOrigin,
} from '../../support/origin.js';
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
      'e-1',
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
    [
      'https in absolute form',
      'GET https://allowed.test/ HTTP/1.1\r\nHost: x\r\n\r\n',
      400,
      'unsupported-scheme',
    ],
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

describe('answers of the origin', () => {
  /** Sends a fixed text for every request. */
  const startFixed = (text: string, { end = true } = {}) =>
    startTcpOrigin((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from(text, 'latin1'));
        if (end) socket.end();
      });
    });

  async function answerOf(text: string, method = 'GET', version = '1.1'): Promise<string> {
    await using origin = await startFixed(text);
    await using proxy = await startProxy();
    return await RawClient.exchange(
      proxy.port,
      `${method} http://allowed.test:${origin.port}/ HTTP/${version}\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
  }

  test('lose what is about the connection, and a forged deny header', async () => {
    const answer = await answerOf(
      'HTTP/1.1 299 Fine indeed\r\nContent-Length: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Jobgate-Deny: forged\r\n' +
        'Proxy-Authenticate: Basic\r\nKeep-Alive: timeout=9\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\nok',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 299 Fine indeed\r\n/);
    const names = answer.split('\r\n').map((line) => line.split(':')[0]?.toLowerCase());
    expect(names).toEqual([
      'http/1.1 299 fine indeed',
      'content-length',
      'set-cookie',
      'set-cookie',
      'date',
      'connection',
      '',
      'ok',
    ]);
  });

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n', 'Content-Length: 99'],
    ['GET', 'HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n', 'X: 1'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n', 'Content-Length: 99'],
  ])('%s without a body', async (method, text, header) => {
    const answer = await answerOf(text, method);
    expect(answer).toContain(header);
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });

  test('1xx are passed on', async () => {
    const answer = await answerOf(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    );
    expect(answer).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200/i,
    );
  });

  test('a client of HTTP/1.0 gets no 1xx and no chunks', async () => {
    const answer = await answerOf(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n' +
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      'GET',
      '1.0',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer.toLowerCase()).not.toContain('transfer-encoding');
    expect(answer.endsWith('\r\n\r\nok')).toBe(true);
  });

  test.each(['__proto__', 'constructor', 'toString'])(
    'a hint called %s is one like any other',
    async (name) => {
      const answer = await answerOf(
        `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n${name}: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
      );
      expect(answer.toLowerCase()).toContain(`\r\n${name.toLowerCase()}: x\r\n`);
      expect(answer).toContain('HTTP/1.1 200');
    },
  );

  test('trailers are passed on', async () => {
    const answer = await answerOf(
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Jobgate-Deny: x\r\nHost: x\r\nExpect: x\r\n\r\n',
    );
    expect(answer).toContain('2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n');
  });

  test.each([
    ['a broken status line', 'HTTP/1.1 OK\r\n\r\n'],
    ['not HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['nothing', ''],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['an unknown transfer coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab'],
    ['a head that is too large', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    ],
  ])('%s is 502', async (_, text) => {
    const answer = await answerOf(text);
    expect([statusOf(answer), denialOf(answer)]).toEqual([502, 'origin-broken']);
  });

  test.each([
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
    ['of a known length', 'Content-Length: 99\r\n\r\nhello'],
  ])('an answer %s that is cut is cut for the client as well', async (_, rest) => {
    const answer = await answerOf(`HTTP/1.1 200 OK\r\n${rest}`);
    expect(answer).toContain('hello');
    expect(answer).not.toContain('0\r\n\r\n');
  });

  test('100-continue goes to the origin and back', async () => {
    let asked = false;
    await using origin = await startOrigin((request, response) => {
      asked = request.headers.expect === '100-continue';
      response.writeContinue();
      request.resume();
      request.on('end', () => response.end('done'));
    });
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(
      `PUT http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
    );
    expect(await client.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('hello');
    await client.until('done');
    expect(asked).toBe(true);
  });

  test('a kept connection that breaks when it is used again is replaced, unless the request changes something', async () => {
    let accepted = 0;
    await using origin = await startTcpOrigin((socket) => {
      accepted++;
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        socket.once('data', () => socket.destroy());
      });
    });
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    const statuses = async (count: number) => {
      await expect.poll(() => client.text.match(/HTTP\/1\.1 \d+/g)?.length).toBe(count);
      return client.text.match(/(?<=HTTP\/1\.1 )\d+/g);
    };
    const url = `http://allowed.test:${origin.port}/`;
    client.send(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await statuses(1)).toEqual(['200']);
    client.send(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await statuses(2)).toEqual(['200', '200']);
    expect(accepted).toBe(2);
    client.send(`POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
    expect(await statuses(3)).toEqual(['200', '200', '502']);
    expect(accepted).toBe(2);
  });

  test('a kept connection that the origin closed is no error for the next request', async () => {
    await using origin = await startOrigin((_, response) => {
      response.end('x');
      // After the answer, without a word: the proxy may not know yet.
      setImmediate(() => response.socket?.destroy());
    });
    await using proxy = await startProxy();
    const agent = new http.Agent({ keepAlive: true });
    for (let i = 0; i < 20; i++) {
      const status = await new Promise((resolve, reject) => {
        const url = `http://allowed.test:${origin.port}/`;
        const request = http.get({ port: proxy.port, path: url, agent, headers: { host: 'x' } }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode));
        });
        request.on('error', reject);
      });
      expect(status).toBe(200);
    }
    agent.destroy();
  });
});
