import { describe, expect, test } from 'vitest';
import { createEgressProxy } from '../../proxy/egress-proxy.js';
import { AllowlistError } from '../../proxy/policy/allowlist.js';
import { DenyListError } from '../../proxy/policy/deny-list.js';
import { DEFAULT_OPERATOR_POLICY, type PolicyChanged } from '../../proxy/policy/policy.js';
import { helloFor } from '../support/client-hello.js';
import { startDnsServer } from '../support/dns-server.js';
import { startOrigin, startTcpOrigin } from '../support/origin.js';
import { LOOPBACK, startProxy, type TestProxy } from '../support/proxy.js';
import { denialOf, RawClient } from '../support/raw-client.js';
import { askUdp, question } from '../support/resolver.js';

const HOSTS = [
  ['stays.test', '127.0.0.1'],
  ['goes.test', '127.0.0.1'],
  ['a.goes.test', '127.0.0.1'],
  ['b.goes.test', '127.0.0.1'],
] as const;

const startMirror = () => startTcpOrigin((socket) => void socket.pipe(socket));
/** Answers with a body that never ends; a request for `/whole` with one that does. */
const startEndless = () =>
  startOrigin((request, response) => {
    if (request.url === '/whole') response.end('whole');
    else response.writeHead(200).write('begun');
  });

const get = (host: string, path = '/') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** A client that says it, and has an answer to it. */
async function begun(port: number, text: string | Buffer, answer: string): Promise<RawClient> {
  const client = await RawClient.connect(port);
  client.send(text);
  await client.until(answer);
  return client;
}

async function tunnelTo(proxy: TestProxy, host: string, port: number): Promise<RawClient> {
  const client = await RawClient.connect(proxy.port);
  const hello = helloFor(host);
  await client.connectTo(`${host}:${port}`, hello);
  await client.untilBytes(hello.length);
  return client;
}

/** Whether bytes still go both ways, to a mirror. */
async function isAlive(client: RawClient): Promise<boolean> {
  const { length } = client.bytes;
  client.send('x'.repeat(10));
  return (await client.untilBytes(length + 10)).length === length + 10;
}

const both = (port: number) => [`stays.test:${port}`, `goes.test:${port}`];

describe('a changed policy', () => {
  test('cuts the tunnels that it forbids before it is said to hold, and those alone', async () => {
    await using origin = await startMirror();
    const { port } = origin;
    await using proxy = await startProxy({ addHosts: HOSTS, allow: both(port), direct: [port] });
    await using stays = await tunnelTo(proxy, 'stays.test', port);
    await using goes = await tunnelTo(proxy, 'goes.test', port);
    const hello = helloFor('goes.test');
    await using direct = await RawClient.connect(proxy.direct(port));
    direct.send(hello);
    await direct.untilBytes(hello.length);

    expect(await proxy.proxy.change({ allow: [`stays.test:${port}`] })).toEqual({ cut: 2 });
    await expect.poll(() => origin.sockets.size).toBe(1);
    await goes.untilEnd();
    await direct.untilEnd();
    expect(await isAlive(stays)).toBe(true);
    await using late = await RawClient.connect(proxy.port);
    expect(denialOf(await late.connectTo(`goes.test:${port}`))).toBe('domain-not-allowed');
    expect(await proxy.closed(({ host }) => host === 'goes.test')).toMatchObject({
      reason: 'policy-changed',
    });

    await proxy.proxy.change({ allow: both(port) });
    await using again = await tunnelTo(proxy, 'goes.test', port);
    expect(await isAlive(again)).toBe(true);
  });

  test.each([
    ['by the proxy', false],
    ["by Node's HTTP", true],
  ])('cuts the answers that it forbids, and those alone: %s', async (_, nodeHttp) => {
    await using origin = await startEndless();
    const { port } = origin;
    await using proxy = await startProxy({ addHosts: HOSTS, allow: both(port), direct: [port], nodeHttp });
    const absolute = (host: string) =>
      `GET http://${host}:${port}/ HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;
    const clients: RawClient[] = [];
    for (const host of ['stays.test', 'goes.test']) {
      clients.push(await begun(proxy.port, absolute(host), 'begun'));
      clients.push(await begun(proxy.direct(port), get(`${host}:${port}`), 'begun'));
      const inside = await RawClient.connect(proxy.port);
      clients.push(inside);
      await inside.connectTo(`${host}:${port}`, get(`${host}:${port}`));
      await inside.until('begun');
    }
    expect(await proxy.proxy.change({ allow: [`stays.test:${port}`] })).toEqual({ cut: 3 });
    await Promise.all(clients.slice(3).map((client) => client.untilEnd()));
    await expect.poll(() => origin.sockets.size).toBe(3);
    expect(clients.slice(0, 3).map(({ ended, closed }) => ended || closed)).toEqual([false, false, false]);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  test.each([
    ['by the proxy', false],
    ["by Node's HTTP", true],
  ])(
    'holds for the next request on a kept connection, and ends those to origins: %s',
    async (_, nodeHttp) => {
      await using origin = await startEndless();
      const { port } = origin;
      await using proxy = await startProxy({ addHosts: HOSTS, allow: both(port), nodeHttp });
      const ask = (host: string) =>
        `GET http://${host}:${port}/whole HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;
      await using client = await RawClient.connect(proxy.port);
      client.send(ask('stays.test'));
      await client.until('whole');
      client.send(ask('goes.test'));
      await expect.poll(() => client.text.split('whole').length).toBe(3);
      expect(origin.sockets.size).toBe(2);

      expect(await proxy.proxy.change({ allow: [`stays.test:${port}`] })).toEqual({ cut: 0 });
      await expect.poll(() => origin.sockets.size).toBe(1);
      client.send(ask('stays.test'));
      await expect.poll(() => client.text.split('whole').length).toBe(4);
      expect(origin.accepted).toBe(2);
      client.send(ask('goes.test'));
      await client.until('X-Jobgate-Deny: domain-not-allowed');
    },
  );

  test('takes away a port, or makes it one for HTTP alone', async () => {
    await using origin = await startMirror();
    const { port } = origin;
    const allow = [`goes.test:${port}`, 'stays.test', `stays.test:${port}`];
    await using proxy = await startProxy({ addHosts: HOSTS, allow });
    await using plain = await tunnelTo(proxy, 'stays.test', port);
    await using other = await tunnelTo(proxy, 'goes.test', port);
    expect(await proxy.proxy.change({ allow: ['stays.test', `goes.test:${port}`] })).toEqual({ cut: 1 });
    await plain.untilEnd();
    expect(await isAlive(other)).toBe(true);
  });

  test('denies what a wider entry allows, and no other name at its address', async () => {
    await using origin = await startMirror();
    const { port } = origin;
    await using proxy = await startProxy({
      addHosts: HOSTS,
      allow: [`.goes.test:${port}`, `127.0.0.1:${port}`],
      direct: [80],
    });
    await using denied = await tunnelTo(proxy, 'a.goes.test', port);
    await using sibling = await tunnelTo(proxy, 'b.goes.test', port);
    expect(await proxy.proxy.change({ deny: ['a.goes.test'] })).toEqual({ cut: 1 });
    await denied.untilEnd();
    expect(await isAlive(sibling)).toBe(true);
    const refusal = async (host: string) => {
      await using client = await RawClient.connect(proxy.port);
      return denialOf(await client.connectTo(`${host}:${port}`));
    };
    expect(await refusal('a.goes.test')).toBe('operator-denied');
    expect((await askUdp(proxy.names, question('a.goes.test')))?.addresses).toEqual([]);
    expect((await askUdp(proxy.names, question('b.goes.test')))?.addresses).toEqual(['127.0.0.1']);
    // The operator's list and the job's hold side by side, whichever is changed.
    proxy.proxy.setDenied(['b.goes.test:1']);
    await proxy.proxy.change({ deny: ['127.0.0.1'] });
    await sibling.untilEnd();
    expect(await refusal('b.goes.test')).toBe('operator-denied');
    await proxy.proxy.change({ deny: [] });
    expect(await refusal('a.goes.test')).toBeUndefined();
    proxy.proxy.setDenied(['a.goes.test']);
    expect(await refusal('a.goes.test')).toBe('operator-denied');
  });

  test('holds for what was on its way when it changed: a name that is looked up', async () => {
    await using origin = await startMirror();
    const { port } = origin;
    const late = { addresses: ['127.0.0.1'], delayMs: 300 };
    await using dns = await startDnsServer({ records: { 'goes.test': late, 'stays.test': late } });
    await using proxy = await startProxy({ dns: dns.address, addHosts: [], allow: both(port) });
    const answers = ['goes.test', 'stays.test'].map(async (host) => {
      await using client = await RawClient.connect(proxy.port);
      return denialOf(await client.connectTo(`${host}:${port}`));
    });
    await expect.poll(() => new Set(dns.queries.map((query) => query.split(' ')[0])).size).toBe(2);
    await proxy.proxy.change({ allow: [`stays.test:${port}`] });
    expect(await Promise.all(answers)).toEqual(['domain-not-allowed', undefined]);
    expect(origin.accepted).toBe(1);
  });

  test('holds for what begins just when it is called', async () => {
    await using origin = await startMirror();
    const { port } = origin;
    let changed: Promise<PolicyChanged> | undefined;
    await using proxy = createEgressProxy(
      {
        job: { job: 'job-1', allow: [`127.0.0.1:${port}`], rate: null },
        operator: { ...DEFAULT_OPERATOR_POLICY, allowAddresses: LOOPBACK },
      },
      {
        // It is allowed, and not yet a tunnel.
        onEvent: ({ type }) => {
          if (type === 'decision') changed = proxy.change({ allow: [] });
        },
      },
    );
    const bound = await proxy.listen({ host: '127.0.0.1', port: 0, clients: LOOPBACK });
    await using client = await RawClient.connect(bound.port);
    client.send(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    await client.untilEnd();
    expect(await changed).toEqual({ cut: 1 });
  });

  test('cuts a WebSocket', async () => {
    await using mirror = await startTcpOrigin((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
        socket.pipe(socket);
      });
    });
    await using proxy = await startProxy({ addHosts: HOSTS, allow: both(mirror.port) });
    const upgrade = (host: string) =>
      `GET http://${host}:${mirror.port}/ HTTP/1.1\r\nHost: ${host}:${mirror.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    await using stays = await begun(proxy.port, upgrade('stays.test'), '101');
    await using goes = await begun(proxy.port, upgrade('goes.test'), '101');
    expect(await proxy.proxy.change({ allow: [`stays.test:${mirror.port}`] })).toEqual({ cut: 1 });
    await goes.untilEnd();
    expect(await isAlive(stays)).toBe(true);
  });

  test('holds for the names of a job that knows of no proxy', async () => {
    await using proxy = await startProxy({
      addHosts: HOSTS,
      allow: ['stays.test', 'goes.test'],
      direct: [80],
    });
    const known = async (name: string) => (await askUdp(proxy.names, question(name)))?.addresses;
    expect([await known('stays.test'), await known('goes.test'), await known('new.test')]).toEqual([
      ['127.0.0.1'],
      ['127.0.0.1'],
      [],
    ]);
    await proxy.proxy.change({ allow: ['stays.test', 'new.test'] });
    expect([await known('stays.test'), await known('goes.test'), await known('new.test')]).toEqual([
      ['127.0.0.1'],
      [],
      ['127.0.0.1'],
    ]);
  });

  test('that is not valid, or comes after the end, changes nothing', async () => {
    await using origin = await startMirror();
    const { port } = origin;
    await using proxy = await startProxy({ addHosts: HOSTS, allow: both(port) });
    await using goes = await tunnelTo(proxy, 'goes.test', port);
    await expect(proxy.proxy.change({ allow: ['*.x.test'] })).rejects.toThrow(AllowlistError);
    await expect(proxy.proxy.change({ allow: [], deny: ['http://x'] })).rejects.toThrow(DenyListError);
    await expect(proxy.proxy.change({ allow: [], rate: 1 })).rejects.toThrow('rate');
    expect(await isAlive(goes)).toBe(true);
    await proxy.proxy.close();
    await expect(proxy.proxy.change({ allow: [] })).rejects.toThrow('the proxy is closed');
  });
});

describe('a rate where there was none', () => {
  test('cuts what has begun without, and holds for what comes', async () => {
    await using origin = await startMirror();
    const { port } = origin;
    await using proxy = await startProxy({ addHosts: HOSTS, allow: both(port) });
    await using client = await tunnelTo(proxy, 'stays.test', port);
    await using idle = await RawClient.connect(proxy.port);
    await expect.poll(() => proxy.proxy.figures().connections).toBe(2);
    expect(await proxy.proxy.change({ rate: 8_000_000 })).toEqual({ cut: 2 });
    await client.untilEnd();
    await idle.untilEnd();
    await using next = await tunnelTo(proxy, 'stays.test', port);
    next.send(Buffer.alloc(100_000));
    await next.untilBytes(100_000);
    expect(proxy.proxy.figures().throttledMs.up).toBeGreaterThan(0);
    expect(await proxy.proxy.change({ rate: null })).toEqual({ cut: 0 });
    expect(await isAlive(next)).toBe(true);
  });
});
