import { describe, expect, test } from 'vitest';
import { MAX_INFORMATION } from '../../../proxy/http/exchange.js';
import { headerValues, startEchoOrigin, startOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('pipelined requests whose client goes away', () => {
  test('are all ended and counted, and the proxy can be closed', async () => {
    await using origin = await startOrigin(() => {});
    await using proxy = await startProxy();
    const client = await RawClient.connect(proxy.port);
    const get = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    client.send(get.repeat(3));
    await expect.poll(() => origin.accepted).toBe(3);
    expect(proxy.proxy.figures()).toMatchObject({ requests: 3 });
    await client[Symbol.asyncDispose]();
    await expect.poll(() => proxy.proxy.figures()).toMatchObject({ requests: 0, connections: 0 });
    expect(proxy.events.filter(({ type }) => type === 'closed')).toHaveLength(3);
    await expect.poll(() => origin.sockets.size).toBe(0);
  });
});

describe('an origin that never stops sending 1xx', () => {
  test('is broken', async () => {
    let sent = 0;
    await using origin = await startTcpOrigin((socket) => {
      const hint = Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(200));
      const more = () => {
        while (!socket.destroyed) {
          sent += hint.length;
          if (sent > 20_000_000 || !socket.write(hint)) return;
        }
      };
      socket.once('data', more);
      socket.on('drain', more);
    });
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.socket.pause();
    client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await proxy.decided(({ reason }) => reason === 'origin-broken');
    expect(sent).toBeLessThan(5_000_000);
  });
});

test.each([
  [MAX_INFORMATION, 200],
  [MAX_INFORMATION + 1, 502],
])('an origin that sends %i 1xx before its answer: %i', async (count, status) => {
  await using origin = await startTcpOrigin((socket) => {
    socket.once('data', () =>
      socket.end(`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(count)}HTTP/1.1 200 OK\r\n\r\n`),
    );
  });
  await using proxy = await startProxy();
  const answer = await RawClient.exchange(
    proxy.port,
    `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  expect(statusOf(answer.replaceAll(/HTTP\/1.1 103 .*?\r\n\r\n/gs, ''))).toBe(status);
});

test('requests one after the other on a connection that the origin keeps leave no listeners on it', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  await using origin = await startEchoOrigin();
  await using proxy = await startProxy();
  await using client = await RawClient.connect(proxy.port);
  for (let i = 1; i <= 20; i++) {
    client.send(`GET http://allowed.test:${origin.port}/${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.until(`"/${i}"`);
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warned);
  expect([warnings, origin.accepted]).toEqual([[], 1]);
});

test('an answer that its origin breaks off is none that looks whole, and nothing else comes behind it', async () => {
  await using origin = await startTcpOrigin((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc', () => socket.resetAndDestroy());
    });
  });
  await using proxy = await startProxy();
  await using client = await RawClient.connect(proxy.port);
  client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.untilEnd();
  expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n(abc)?$/s);
  expect(await proxy.closed()).toMatchObject({ reason: 'origin-reset' });
  expect(proxy.denials).toEqual([]);
});

describe('an origin that answers before it has the whole body', () => {
  test('does not get the rest of an endless one', async () => {
    let got = 0;
    await using origin = await startTcpOrigin((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
      socket.on('end', () => socket.end());
      socket.on('data', (chunk) => {
        got += chunk.length;
      });
    });
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    client.send(
      `POST http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    await client.until('\r\n\r\nok');
    await proxy.closed();
    await wait(50);
    const before = got;
    for (let i = 0; i < 20; i++) {
      client.send(chunk);
      await wait(5);
    }
    expect(got).toBe(before);
    await client.untilEnd();
    await expect.poll(() => origin.sockets.size).toBe(0);
  });
});

describe('the job header', () => {
  // Every character that a name may have and that is neither a letter nor a digit (RFC 9110 section 5.6.2).
  const LOOSE = [..."!#$%&'*+-.^_`|~"].map((sign) => ['X', 'Bacalhau', 'Job', 'ID'].join(sign));

  test.each([...LOOSE, 'X-Bacalhau_Job-Id', 'x_bacalhau-job.id'])(
    'is not forged as %s, which a server may read as the same',
    async (name) => {
      await using origin = await startEchoOrigin();
      await using proxy = await startProxy();
      const answer = await RawClient.exchange(
        proxy.port,
        `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n${name}: forged\r\nX_Other: 1\r\nX.Bacalhau.Job.IDs: 2\r\nConnection: close\r\n\r\n`,
      );
      const echo = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1));
      expect(answer).not.toContain('forged');
      expect(headerValues(echo.rawHeaders, 'X-Bacalhau-Job-ID')).toEqual(['job-1']);
      expect(headerValues(echo.rawHeaders, 'X_Other')).toEqual(['1']);
      expect(headerValues(echo.rawHeaders, 'X.Bacalhau.Job.IDs')).toEqual(['2']);
    },
  );

  test('is not forged in a trailer: no trailer of a request is passed on', async () => {
    let trailers: string[] | undefined;
    await using origin = await startOrigin((request, response) => {
      request.resume().on('end', () => {
        trailers = request.rawTrailers;
        response.end('heard');
      });
    });
    await using proxy = await startProxy();
    const answer = await RawClient.exchange(
      proxy.port,
      `POST http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\nX-Bacalhau-Job-ID: forged\r\nX.Bacalhau.Job.ID: forged\r\n\r\n`,
    );
    expect(statusOf(answer)).toBe(200);
    expect(trailers).toEqual([]);
  });
});

describe('Expect', () => {
  test('with anything but 100-continue is refused with a reason', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n`);
    expect(denialOf(await client.until('\r\n\r\n'))).toBe('malformed-request');
  });
});

describe('bytes behind a request with Connection: close', () => {
  test('are ignored, and the request is answered', async () => {
    let requests = 0;
    await using origin = await startOrigin((_, response) => {
      requests++;
      setTimeout(() => response.end('answer'), 50);
    });
    await using proxy = await startProxy();
    const get = (more: string) =>
      `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n${more}`;
    for (const behind of ['\r\n', get(''), 'garbage']) {
      const answer = await RawClient.exchange(proxy.port, get(behind));
      expect([statusOf(answer), answer.includes('answer')]).toEqual([200, true]);
    }
    expect(requests).toBe(3);
    expect(proxy.denials).toEqual([]);
  });
});

describe('a request whose body takes its time', () => {
  test('has its head passed on at once', async () => {
    await using origin = await startOrigin((_, response) => void response.end('early'));
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(`POST http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n`);
    expect(statusOf(await client.until('early'))).toBe(200);
  });
});

describe('a kept connection that the origin closed', () => {
  test.each(['in time', 'in the same moment'])('is not used for the next upload: %s', async (when) => {
    await using origin = await startOrigin((request, response) => {
      request.resume().on('end', () => response.end('answer'));
    });
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    const post = (n: number) =>
      `POST http://allowed.test:${origin.port}/${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`;
    client.send(post(1));
    await client.until('answer');
    for (const socket of origin.sockets) socket.end();
    if (when === 'in time') {
      await expect.poll(() => origin.sockets.size).toBe(0);
    }
    client.send(post(2));
    await expect.poll(() => client.text.match(/HTTP\/1\.1 \d+/g)?.length).toBe(2);
    const statuses = client.text.match(/HTTP\/1\.1 \d+/g);
    expect(statuses).toContainEqual(when === 'in time' ? 'HTTP/1.1 200' : expect.stringMatching(/200|502/));
    expect(when === 'in time' ? statuses : statuses?.slice(0, 1)).not.toContain('HTTP/1.1 502');
  });
});

describe('a refusal in the middle of a short body', () => {
  test('leaves the connection usable: the rest of the body is thrown away', async () => {
    await using origin = await startOrigin((request, response) => {
      if (request.method === 'POST') request.socket.resetAndDestroy();
      else response.end('answer');
    });
    await using proxy = await startProxy();
    for (const size of [10, 60_000]) {
      await using client = await RawClient.connect(proxy.port);
      const url = `http://allowed.test:${origin.port}/`;
      client.send(`POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\nhello`);
      expect(denialOf(await client.until('\r\n\r\n'))).toBe('origin-broken');
      client.send('x'.repeat(size - 5));
      await wait(20);
      client.send(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await client.until('answer');
    }
  });
});

describe('an origin whose reason phrase has a byte that Node writes in no head', () => {
  // It ended the process: writeHead() keeps the phrase that it threw for, and the refusal's own writeHead() throws as well.
  test.each(['\x01', '\x7f', '\x1b[2J'])('is broken: %j', async (byte) => {
    await using origin = await startTcpOrigin((socket) => {
      socket.on('data', () => socket.write(`HTTP/1.1 200 O${byte}K\r\nContent-Length: 2\r\n\r\nok`));
    });
    await using proxy = await startProxy();
    const get = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    for (const count of [1, 2]) {
      await using client = await RawClient.connect(proxy.port);
      client.send(get.repeat(count));
      expect(denialOf(await client.until('\r\n\r\n'))).toBe('origin-broken');
    }
  });
});

describe('an answer that is cut', () => {
  // A client of HTTP/1.0 would take an end for that of the answer.
  test.each([
    ['1.1', undefined],
    ['1.0', 'ECONNRESET'],
  ])('is one to a client of HTTP/%s as well', async (version, code) => {
    await using origin = await startTcpOrigin((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'),
      );
    });
    await using proxy = await startProxy({ nodeHttp: true });
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET http://allowed.test:${origin.port}/ HTTP/${version}\r\nHost: x\r\n\r\n`);
    await client.until('part');
    for (const socket of origin.sockets) socket.resetAndDestroy();
    await client.untilEnd();
    expect(client.error?.code).toBe(code);
    expect(await proxy.closed()).toMatchObject({ reason: 'origin-reset' });
  });
});
