import { readdirSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { openListeners } from '../../proxy/decide/listeners.js';
import { createEgressProxy } from '../../proxy/egress-proxy.js';
import { AllowlistError } from '../../proxy/policy/allowlist.js';
import { DenyListError } from '../../proxy/policy/deny-list.js';
import { DEFAULT_OPERATOR_POLICY } from '../../proxy/policy/policy.js';
import { PolicyError } from '../../proxy/policy/policy-error.js';
import { helloFor } from '../support/client-hello.js';
import { startDnsServer } from '../support/dns-server.js';
import { startEchoOrigin, startOrigin, startTcpOrigin } from '../support/origin.js';
import { LOOPBACK, startProxy } from '../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../support/raw-client.js';
import { startSilentListener } from '../support/silent-listener.js';

const startMirror = () => startTcpOrigin((socket) => void socket.pipe(socket));

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('a proxy that is made', () => {
  test('opens nothing until it listens, and then registers where', async () => {
    const before = [...openListeners()].length;
    await using proxy = createEgressProxy({
      job: { job: 'j', allow: [], rate: null },
      operator: DEFAULT_OPERATOR_POLICY,
    });
    expect([...openListeners()]).toHaveLength(before);
    const bound = await proxy.listen({ host: '127.0.0.1', port: 0, clients: LOOPBACK });
    expect([...openListeners()]).toContainEqual(
      expect.objectContaining({ host: bound.host, port: bound.port }),
    );
    await proxy.close();
    expect([...openListeners()]).toHaveLength(before);
  });

  test('refuses an invalid policy in one line', () => {
    const make = (job: object, operator: object) => () =>
      createEgressProxy({
        job: { job: 'j', allow: [], rate: null, ...job },
        operator: { ...DEFAULT_OPERATOR_POLICY, ...operator },
      });
    expect(make({ allow: ['*.x.test'] }, {})).toThrow(AllowlistError);
    expect(make({}, { deny: ['http://x'] })).toThrow(DenyListError);
    expect(make({}, { allowAddresses: ['10.0.0.1/8'] })).toThrow(PolicyError);
    expect(make({}, { nodeAddresses: ['x'] })).toThrow(PolicyError);
    expect(make({}, { dns: 'x' })).toThrow(PolicyError);
    expect(make({}, { upstream: 'ftp://x' })).toThrow(PolicyError);
  });

  test('rejects a listen on a port in use, and can be closed', async () => {
    await using other = await startProxy();
    const proxy = createEgressProxy({
      job: { job: 'j', allow: [], rate: null },
      operator: DEFAULT_OPERATOR_POLICY,
    });
    await expect(proxy.listen({ host: '127.0.0.1', port: other.port, clients: [] })).rejects.toThrow(
      'EADDRINUSE',
    );
    await proxy.close();
  });
});

describe('clients', () => {
  test('from outside the ranges are refused, and nobody is inside none', async () => {
    await using proxy = await startProxy({ clients: ['127.0.0.2/32'] });
    const refused = await RawClient.exchange(proxy.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect([statusOf(refused), denialOf(refused)]).toEqual([403, 'client-not-allowed']);
    await using allowed = await RawClient.connect(proxy.port, '127.0.0.1', '127.0.0.2');
    allowed.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(denialOf(await allowed.until('\r\n\r\n'))).toBe('malformed-target');
    await using closed = await startProxy({ clients: [] });
    expect(denialOf(await RawClient.exchange(closed.port, ''))).toBe('client-not-allowed');
  });

  test('that are no longer inside are cut, the others go on', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const hello = helloFor('allowed.test');
    await using one = await RawClient.connect(proxy.port, '127.0.0.1', '127.0.0.2');
    await using two = await RawClient.connect(proxy.port, '127.0.0.1', '127.0.0.3');
    for (const client of [one, two]) {
      await client.connectTo(`allowed.test:${origin.port}`, hello);
      await client.untilBytes(hello.length);
    }
    proxy.proxy.setClients(['127.0.0.3/32']);
    await one.untilEnd();
    expect(two.ended).toBe(false);
  });
});

describe('close', () => {
  test('ends tunnels, requests, look-ups, dials and waiting connections at once', async () => {
    const silent = await startSilentListener('127.0.0.1');
    if (silent === undefined) throw new Error('this kernel accepts connections without end');
    await using dial = silent;
    await using dns = await startDnsServer({ records: { '*': 'silence' } });
    await using mirror = await startMirror();
    await using mute = await startOrigin(() => {});
    await using proxy = await startProxy({
      dns: dns.address,
      allow: [`allowed.test:${mirror.port}`, `allowed.test:${dial.port}`, '.allowed.test'],
      // What waited for one of these would hang.
      limits: { connectTimeoutMs: 600_000, headerTimeoutMs: 600_000 },
    });
    const clients: RawClient[] = [];
    const send = async (text: string) => {
      const client = await RawClient.connect(proxy.port);
      client.send(text);
      clients.push(client);
      return client;
    };
    const tunnel = await send(`CONNECT allowed.test:${mirror.port} HTTP/1.1\r\n\r\n`);
    await tunnel.until('\r\n\r\n');
    tunnel.send(helloFor('allowed.test'));
    const unjudged = await send(`CONNECT allowed.test:${mirror.port} HTTP/1.1\r\n\r\n`);
    await unjudged.until('\r\n\r\n');
    await send(`CONNECT allowed.test:${dial.port} HTTP/1.1\r\n\r\n`);
    await send(`GET http://allowed.test:${mute.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await send(`GET http://x.allowed.test/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await send('GET http://allow');
    await send('');
    await proxy.decided(({ method, decision }) => method === 'GET' && decision === 'allow');
    await expect.poll(() => dns.queries).toContain('x.allowed.test A');
    await proxy.proxy.close();
    expect(proxy.denials.filter((reason) => reason.endsWith('-timeout'))).toEqual([]);
    await Promise.all(clients.map((client) => client.untilEnd()));
    await expect.poll(() => [mirror.sockets.size, mute.sockets.size]).toEqual([0, 0]);
    expect(proxy.proxy.figures()).toMatchObject({ connections: 0, tunnels: 0, requests: 0 });
    const reasons = proxy.events.flatMap((event) => (event.type === 'closed' ? [event.reason] : []));
    expect(reasons).toEqual(['closed', 'closed', 'closed']);
    await expect(RawClient.connect(proxy.port)).rejects.toThrow('ECONNREFUSED');
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  test('twice, and while it drains, is once', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${origin.port}`, helloFor('allowed.test'));
    const drained = proxy.proxy.drain(60_000);
    await Promise.all([proxy.proxy.close(), proxy.proxy.close(), drained]);
  });
});

describe('drain', () => {
  test.each([
    ['a request', (port: number) => `GET http://allowed.test:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['CONNECT', (port: number) => `CONNECT allowed.test:${port} HTTP/1.1\r\n\r\n`],
  ])('lets what is open finish, takes nothing new, and then closes: %s', async (_, another) => {
    let release: () => void = () => {};
    await using origin = await startOrigin((_, response) => {
      release = () => response.end('whole');
    });
    await using mirror = await startMirror();
    await using proxy = await startProxy({ allow: ['allowed.test', `allowed.test:${mirror.port}`] });
    const get = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`;
    await using idle = await RawClient.connect(proxy.port);
    await using busy = await RawClient.connect(proxy.port);
    busy.send(get);
    await using tunnel = await RawClient.connect(proxy.port);
    const hello = helloFor('allowed.test');
    await tunnel.connectTo(`allowed.test:${mirror.port}`, hello);
    await tunnel.untilBytes(hello.length);
    await proxy.decided(({ method }) => method === 'GET');
    const drained = proxy.proxy.drain(60_000);
    await idle.untilEnd();
    await expect(RawClient.connect(proxy.port)).rejects.toThrow('ECONNREFUSED');
    busy.send(another(mirror.port));
    await expect
      .poll(() => {
        release();
        return busy.ended;
      })
      .toBe(true);
    expect(busy.text.match(/HTTP\/1\.1 \d+|whole/g)).toEqual(['HTTP/1.1 200', 'whole', 'HTTP/1.1 503']);
    expect(proxy.denials).toEqual(['closing']);
    tunnel.send('more');
    await tunnel.untilBytes(hello.length + 4);
    tunnel.end();
    await drained;
    expect((await proxy.closed(({ kind }) => kind === 'tunnel')).reason).toBe('end');
  });

  test('ends what does not finish in time', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${origin.port}`, helloFor('allowed.test'));
    const began = performance.now();
    await proxy.proxy.drain(150);
    expect(performance.now() - began).toBeGreaterThan(140);
    expect((await proxy.closed()).reason).toBe('closed');
  });
});

describe('nothing is left behind', () => {
  /** Each way in which a client goes away, at each moment of a request or tunnel. */
  test('after a storm of aborts: descriptors and counters return to what they were', async () => {
    await using mirror = await startMirror();
    await using echo = await startEchoOrigin();
    await using mute = await startOrigin(() => {});
    await using proxy = await startProxy({
      allow: [`allowed.test:${mirror.port}`, 'allowed.test'],
      limits: { connectionsPerSecond: 100_000 },
    });
    const connect = `CONNECT allowed.test:${mirror.port} HTTP/1.1\r\n\r\n`;
    const scripts = [
      '',
      'GET http://allo',
      `GET http://allowed.test:${mute.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET http://allowed.test:${echo.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
      `PUT http://allowed.test:${echo.port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhal`,
      `GET http://denied.test/ HTTP/1.1\r\nHost: x\r\n\r\n`,
      connect,
      `${connect}\x16\x03`,
      connect + helloFor('allowed.test').toString('latin1'),
      `${connect}GET / HTTP/1.1\r\nHost: allowed.test:${mirror.port}\r\n\r\n`,
    ];
    const ends: ((client: RawClient) => void)[] = [
      (client) => client.reset(),
      (client) => client.socket.destroy(),
      (client) => {
        client.end();
        setTimeout(() => client.socket.destroy(), 5);
      },
    ];
    const storm = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        const clients = await Promise.all(
          scripts.map(async (script) => {
            const client = await RawClient.connect(proxy.port);
            client.send(script);
            return client;
          }),
        );
        // Later each round: before the answer, while dialling, in the middle, after it.
        await new Promise((resolve) => setTimeout(resolve, round % 8));
        for (const client of clients) ends[round % ends.length]?.(client);
        await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
      }
    };
    const settled = () =>
      expect.poll(() => proxy.proxy.figures()).toMatchObject({ connections: 0, tunnels: 0, requests: 0 });
    await storm(3);
    await settled();
    await expect.poll(() => mirror.sockets.size + mute.sockets.size).toBe(0);
    const before = openDescriptors();
    await storm(60);
    await settled();
    // Kept connections to the echo origin may stay for a while: one at each end.
    await expect.poll(() => openDescriptors() - 2 * echo.sockets.size).toBeLessThanOrEqual(before);
    await expect.poll(() => mirror.sockets.size + mute.sockets.size).toBe(0);
    const [allowed, closed] = ['allow', 'closed'].map(
      (kind) =>
        proxy.events.filter(
          (event) => event.type === kind || ('decision' in event && event.decision === kind),
        ).length,
    );
    expect(closed).toBe(allowed);
  });

  test('of 20 aborted requests no connection to the origin', async () => {
    await using origin = await startOrigin(() => {});
    await using proxy = await startProxy();
    for (let i = 0; i < 20; i++) {
      const client = await RawClient.connect(proxy.port);
      client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
      await expect.poll(() => origin.accepted).toBe(i + 1);
      await client[Symbol.asyncDispose]();
    }
    await expect.poll(() => origin.sockets.size).toBe(0);
  });

  test('of refused connections, however many', async () => {
    await using proxy = await startProxy({ limits: { connections: 1 } });
    await using first = await RawClient.connect(proxy.port);
    first.send('GET');
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      const clients = await Promise.all(Array.from({ length: 200 }, () => RawClient.connect(proxy.port)));
      await Promise.all(clients.map((client) => client.untilEnd()));
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    }
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
    expect(proxy.proxy.figures().denied).toBe(1_000);
  });
});

test('a connection that is reset before it is accepted is survived', async () => {
  await using proxy = await startProxy();
  await Promise.all(
    Array.from(
      { length: 200 },
      () =>
        new Promise<void>((resolve) => {
          const socket = net.connect(proxy.port, '127.0.0.1', () => socket.resetAndDestroy());
          socket.on('error', () => {});
          socket.on('close', () => resolve());
        }),
    ),
  );
  expect(denialOf(await RawClient.exchange(proxy.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'))).toBe(
    'malformed-target',
  );
});
