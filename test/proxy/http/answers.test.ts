import http from 'node:http';
import { describe, expect, test } from 'vitest';
import { startOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';

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
    // Those of other requests are kept for themselves.
    await using proxy = await startProxy({ nodeHttp: true });
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

  test('the same for a simple request, once', async () => {
    let accepted = 0;
    let cut = 1;
    await using origin = await startTcpOrigin((socket) => {
      accepted++;
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        socket.once('data', () => socket.destroy());
      });
      if (accepted > cut) socket.destroy();
    });
    await using proxy = await startProxy();
    const get = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    const ask = async (client: RawClient, answers: number) => {
      client.send(get);
      await expect.poll(() => client.text.match(/HTTP\/1\.1 \d+/g)?.length).toBe(answers);
      return client.text.match(/(?<=HTTP\/1\.1 )\d+/g)?.at(-1);
    };
    await using client = await RawClient.connect(proxy.port);
    expect(await ask(client, 1)).toBe('200');
    // The kept one is cut, and so is the one that takes its place.
    expect([await ask(client, 2), accepted]).toEqual(['502', 2]);
    cut = 10;
    expect([await ask(client, 3), await ask(client, 4), accepted]).toEqual(['200', '200', 4]);
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
