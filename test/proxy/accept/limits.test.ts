import { describe, expect, test } from 'vitest';
import { ConnectionRate } from '../../../proxy/accept/connection-rate.js';
import { Semaphore } from '../../../proxy/util/semaphore.js';
import { helloFor } from '../../support/client-hello.js';
import { startDnsServer } from '../../support/dns-server.js';
import { startEchoOrigin, startOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';
import { startSilentListener } from '../../support/silent-listener.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const startMirror = () => startTcpOrigin((socket) => void socket.pipe(socket));

describe('a job over a limit is refused with 429 and Retry-After, and served again below it', () => {
  test('connections', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({
      allow: [`allowed.test:${origin.port}`],
      limits: { connections: 2 },
    });
    await using first = await RawClient.connect(proxy.port);
    await first.connectTo(`allowed.test:${origin.port}`);
    await using second = await RawClient.connect(proxy.port);
    await second.connectTo(`allowed.test:${origin.port}`);
    const refused = await RawClient.exchange(proxy.port, '');
    expect([statusOf(refused), denialOf(refused)]).toEqual([429, 'too-many-connections']);
    expect(refused).toContain('\r\nRetry-After: 1\r\n');
    second.reset();
    await proxy.closed();
    await using third = await RawClient.connect(proxy.port);
    expect(statusOf(await third.connectTo(`allowed.test:${origin.port}`))).toBe(200);
  });

  test('new connections per second', async () => {
    await using proxy = await startProxy({ limits: { connectionsPerSecond: 3 } });
    const request = 'GET http://denied.test/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    // All at once: what a busy machine lets in beyond three is few. The figures: ConnectionRate, below.
    const reasons = await Promise.all(
      Array.from({ length: 40 }, async () => denialOf(await RawClient.exchange(proxy.port, request))),
    );
    expect(new Set(reasons)).toEqual(new Set(['domain-not-allowed', 'connection-rate']));
    expect(reasons.filter((reason) => reason === 'domain-not-allowed').length).toBeGreaterThanOrEqual(3);
  });

  test('tunnels', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], limits: { tunnels: 1 } });
    const connect = `CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\n`;
    await using first = await RawClient.connect(proxy.port);
    await first.connectTo(`allowed.test:${origin.port}`);
    const refused = await RawClient.exchange(proxy.port, connect);
    expect([statusOf(refused), denialOf(refused)]).toEqual([429, 'too-many-tunnels']);
    first.reset();
    await proxy.closed();
    await using next = await RawClient.connect(proxy.port);
    expect(statusOf(await next.connectTo(`allowed.test:${origin.port}`))).toBe(200);
  });

  test('requests in flight', async () => {
    let release: () => void = () => {};
    await using origin = await startOrigin((_, response) => {
      release = () => response.end('ok');
    });
    await using proxy = await startProxy({ limits: { requests: 1 } });
    const get = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    await using first = await RawClient.connect(proxy.port);
    first.send(get);
    await proxy.decided(({ decision }) => decision === 'allow');
    const refused = await RawClient.exchange(proxy.port, get);
    expect([statusOf(refused), denialOf(refused)]).toEqual([429, 'too-many-requests']);
    await expect.poll(() => origin.sockets.size).toBe(1);
    await expect
      .poll(() => {
        release();
        return first.ended;
      })
      .toBe(true);
    await using next = await RawClient.connect(proxy.port);
    next.send(get);
    await expect
      .poll(() => {
        release();
        return next.ended;
      })
      .toBe(true);
    expect(statusOf(next.text)).toBe(200);
  });

  test('dials at once', async () => {
    await using silent = await startSilentListener('127.0.0.1');
    if (silent === undefined) throw new Error('this kernel accepts connections without end');
    await using proxy = await startProxy({
      allow: [`allowed.test:${silent.port}`],
      limits: { dials: 1, connectTimeoutMs: 2_000 },
    });
    const connect = `CONNECT allowed.test:${silent.port} HTTP/1.1\r\n\r\n`;
    await using first = await RawClient.connect(proxy.port);
    first.send(connect);
    await expect
      .poll(async () => denialOf(await RawClient.exchange(proxy.port, connect)))
      .toBe('too-many-dials');
    await first.untilEnd();
    expect([statusOf(first.text), denialOf(first.text)]).toEqual([504, 'connect-timeout']);
  });

  test('look-ups at once', async () => {
    await using dns = await startDnsServer({
      records: { 'slow.allowed.test': { addresses: ['127.0.0.1'], delayMs: 1_500 }, '*': 'nxdomain' },
    });
    await using proxy = await startProxy({ dns: dns.address, limits: { lookups: 1 } });
    await using slow = await RawClient.connect(proxy.port);
    slow.send('CONNECT slow.allowed.test:80 HTTP/1.1\r\n\r\n');
    await expect.poll(() => dns.queries).toContain('slow.allowed.test A');
    const other = 'CONNECT other.allowed.test:80 HTTP/1.1\r\n\r\n';
    const refused = await RawClient.exchange(proxy.port, other);
    expect([statusOf(refused), denialOf(refused)]).toEqual([429, 'too-many-lookups']);
    await slow.until('\r\n\r\n');
    expect(denialOf(await RawClient.exchange(proxy.port, other))).toBe('name-not-found');
  });

  test("one job's limits are not another's", async () => {
    await using origin = await startMirror();
    const options = { allow: [`allowed.test:${origin.port}`], limits: { tunnels: 1, connections: 1 } };
    await using one = await startProxy(options);
    await using other = await startProxy(options);
    await using first = await RawClient.connect(one.port);
    await first.connectTo(`allowed.test:${origin.port}`);
    expect(denialOf(await RawClient.exchange(one.port, ''))).toBe('too-many-connections');
    await using second = await RawClient.connect(other.port);
    expect(statusOf(await second.connectTo(`allowed.test:${origin.port}`))).toBe(200);
  });
});

describe('a request head', () => {
  test('over the limit is 431, and below it is served', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const head = (bytes: number) =>
      `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ${'x'.repeat(bytes)}\r\n\r\n`;
    const refused = await RawClient.exchange(proxy.port, head(66_000));
    expect([statusOf(refused), denialOf(refused)]).toEqual([431, 'headers-too-large']);
    expect(statusOf(await RawClient.exchange(proxy.port, head(60_000)))).toBe(200);
  });

  test('of thousands of lines is read whole: the last one counts like the first', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy();
    const head = (last: string) =>
      `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n${'a:\r\n'.repeat(9_000)}${last}\r\n\r\n`;
    expect(denialOf(await RawClient.exchange(proxy.port, head('Host: y')))).toBe('malformed-request');
    expect(statusOf(await RawClient.exchange(proxy.port, head('Connection: close')))).toBe(200);
  });

  test('that does not end in time is 408', async () => {
    await using proxy = await startProxy({ limits: { headerTimeoutMs: 100 } });
    await using client = await RawClient.connect(proxy.port);
    client.send('GET http://allowed.test/ HTTP/1.1\r\n');
    const drip = setInterval(() => client.send('x'), 20);
    await client.untilEnd();
    clearInterval(drip);
    expect([statusOf(client.text), denialOf(client.text)]).toEqual([408, 'header-timeout']);
  });

  test('a slow one behind an answered request is 408 as well', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ limits: { headerTimeoutMs: 100 } });
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.until('"body":""');
    client.send('GET');
    await client.untilEnd();
    expect(client.text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 408']);
  });

  test('and neither the body nor the origin has a limit in time', async () => {
    await using origin = await startOrigin((request, response) => {
      request.resume().on('end', () => setTimeout(() => response.end('late'), 300));
    });
    await using proxy = await startProxy({ limits: { headerTimeoutMs: 50 } });
    await using client = await RawClient.connect(proxy.port);
    client.send(`PUT http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n`);
    for (const byte of 'hello') {
      await new Promise((resolve) => setTimeout(resolve, 60));
      client.send(byte);
    }
    await client.until('late');
  });
});

describe('the answer of an origin', () => {
  test('may have a head of more than 16 KiB', async () => {
    await using origin = await startOrigin((_, response) => {
      response.setHeader('X', 'x'.repeat(60_000));
      response.end('ok');
    });
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await client.untilEnd();
    expect(statusOf(client.text)).toBe(200);
  });
});

describe('counting', () => {
  test('a semaphore gives as many places as its limit, and takes each back once', () => {
    const dials = new Semaphore(2, 'too-many-dials');
    const release = dials.acquire();
    dials.acquire();
    expect(dials.acquire()).toBeUndefined();
    release?.();
    release?.();
    expect(dials.open).toBe(1);
    expect(dials.acquire()).toBeDefined();
    expect(dials.acquire()).toBeUndefined();
  });

  test('a connection rate admits a second worth at once, then evenly', () => {
    const clock = new VirtualClock();
    const rate = new ConnectionRate(10, clock);
    const admitted = () => Array.from({ length: 30 }, () => rate.admit()).filter(Boolean).length;
    expect(admitted()).toBe(10);
    clock.advance(500);
    expect(admitted()).toBe(5);
    clock.advance(60_000);
    expect(admitted()).toBe(10);
  });
});

test('a thousand idle tunnels of one job are held, and another request goes on', async () => {
  const count = 1_000;
  await using origin = await startMirror();
  await using echo = await startEchoOrigin();
  await using proxy = await startProxy({
    allow: [`allowed.test:${origin.port}`, 'allowed.test'],
    limits: { connectionsPerSecond: 100_000 },
  });
  const hello = helloFor('allowed.test');
  const clients: RawClient[] = [];
  for (let i = 0; i < count; i += 100) {
    clients.push(
      ...(await Promise.all(
        Array.from({ length: 100 }, async () => {
          const client = await RawClient.connect(proxy.port);
          await client.connectTo(`allowed.test:${origin.port}`, hello);
          await client.untilBytes(hello.length);
          return client;
        }),
      )),
    );
  }
  expect(proxy.proxy.figures().tunnels).toBe(count);
  const answer = await RawClient.exchange(
    proxy.port,
    `GET http://allowed.test:${echo.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  expect(statusOf(answer)).toBe(200);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  await expect.poll(() => proxy.proxy.figures().tunnels).toBe(0);
});
