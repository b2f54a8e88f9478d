import { describe, expect, test } from 'vitest';
import { Denied } from '../../../proxy/decide/denied.js';
import type { CanonicalHost } from '../../../proxy/policy/authority.js';
import { DenyList } from '../../../proxy/policy/deny-list.js';
import { silentLogger } from '../../../proxy/policy/logger.js';
import { createResolver, type Resolver } from '../../../proxy/resolve/resolver.js';
import { helloFor } from '../../support/client-hello.js';
import { startDnsServer } from '../../support/dns-server.js';
import { startEchoOrigin, startOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const startMirror = (host?: string) => startTcpOrigin((socket) => void socket.pipe(socket), host);
const both = (host: string, port: number) => [
  `CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`,
  `GET http://${host}:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
];

type With = ConstructorParameters<typeof Denied>[1];

/** The denied names by themselves: who looks them up, and by which clock. */
function deniedHere(names: readonly string[], given: Pick<With, 'resolver'> & Partial<With>) {
  return new Denied(DenyList.parse(names), { onChange: () => {}, logger: silentLogger, ...given });
}

function resolving(resolve: (host: string) => Promise<unknown>): Resolver {
  return { resolve, close: () => {} } as unknown as Resolver;
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('jobs must not start jobs: what the operator denies', () => {
  test('is refused by name, for CONNECT and plain requests, although the job declared it', async () => {
    await using origin = await startEchoOrigin();
    const allow = [`requester.test:${origin.port}`];
    const addHosts = [['requester.test', '127.0.0.1']] as const;
    await using proxy = await startProxy({ allow, addHosts, deny: ['requester.test'] });
    for (const request of both('REQUESTER.test.', origin.port)) {
      const answer = await RawClient.exchange(proxy.port, request);
      expect([statusOf(answer), denialOf(answer)]).toEqual([403, 'operator-denied']);
    }
    expect(origin.accepted).toBe(0);
    await using other = await startProxy({ allow, addHosts });
    const [, plain = ''] = both('requester.test', origin.port);
    expect(statusOf(await RawClient.exchange(other.port, plain))).toBe(200);
  });

  test('is refused under another name that resolves to it, and by its address', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({
      allow: [`alias.test:${origin.port}`, `127.0.0.2:${origin.port}`],
      addHosts: [
        ['requester.test', '127.0.0.2'],
        ['alias.test', '127.0.0.2'],
      ],
      deny: ['requester.test'],
    });
    for (const host of ['alias.test', '127.0.0.2']) {
      for (const request of both(host, origin.port)) {
        expect(denialOf(await RawClient.exchange(proxy.port, request))).toBe('operator-denied');
      }
    }
    expect(proxy.decisions.map(({ address }) => address)).toEqual(Array(4).fill('127.0.0.2'));
  });

  test('is refused where an answer has a denied address among others', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({
      allow: ['mixed.test'],
      addHosts: [
        ['mixed.test', '127.0.0.1'],
        ['mixed.test', '127.0.0.2'],
      ],
      deny: ['127.0.0.2'],
    });
    const [, plain = ''] = both('mixed.test', origin.port);
    expect(denialOf(await RawClient.exchange(proxy.port, plain))).toBe('operator-denied');
    expect(origin.accepted).toBe(0);
  });

  test('on one port leaves the others', async () => {
    await using origin = await startEchoOrigin();
    await using api = await startEchoOrigin();
    await using proxy = await startProxy({ deny: [`allowed.test:${api.port}`] });
    const status = async (port: number) =>
      statusOf(await RawClient.exchange(proxy.port, both('allowed.test', port)[1] ?? ''));
    expect([await status(origin.port), await status(api.port)]).toEqual([200, 403]);
  });

  test('is never looked up', async () => {
    await using dns = await startDnsServer({ records: { 'no.allowed.test': 'nodata', '*': ['127.0.0.1'] } });
    await using proxy = await startProxy({
      dns: dns.address,
      allow: ['.allowed.test'],
      deny: ['.no.allowed.test'],
    });
    const ask = async (host: string) => RawClient.exchange(proxy.port, both(host, 8080)[1] ?? '');
    expect(denialOf(await ask('x.no.allowed.test'))).toBe('operator-denied');
    expect(denialOf(await ask('x.yes.allowed.test'))).not.toBe('operator-denied');
    expect(dns.queries).toContain('x.yes.allowed.test A');
    expect(dns.queries).not.toContain('x.no.allowed.test A');
  });

  test('beats an exception of the operator', async () => {
    await using proxy = await startProxy({
      allow: ['127.0.0.1'],
      allowAddresses: ['127.0.0.1/32'],
      deny: ['127.0.0.1'],
    });
    const [, plain = ''] = both('127.0.0.1', 8080);
    expect(denialOf(await RawClient.exchange(proxy.port, plain))).toBe('operator-denied');
  });
});

describe('a change of the deny list', () => {
  test('ends matching tunnels at once, by name and by address, and no others', async () => {
    await using origin = await startMirror();
    await using other = await startMirror('127.0.0.2');
    await using proxy = await startProxy({
      allow: [`allowed.test:${origin.port}`, `twin.test:${other.port}`],
      addHosts: [
        ['allowed.test', '127.0.0.1'],
        ['twin.test', '127.0.0.2'],
        ['requester.test', '127.0.0.2'],
      ],
    });
    const open = async (host: string, port: number) => {
      const client = await RawClient.connect(proxy.port);
      const hello = helloFor(host);
      await client.connectTo(`${host}:${port}`, hello);
      await client.untilBytes(hello.length);
      return client;
    };
    await using first = await open('allowed.test', origin.port);
    await using twin = await open('twin.test', other.port);
    await using unjudged = await RawClient.connect(proxy.port);
    await unjudged.connectTo(`twin.test:${other.port}`);
    proxy.proxy.setDenied(['allowed.test']);
    await first.untilEnd();
    expect([twin.ended, unjudged.ended]).toEqual([false, false]);
    proxy.proxy.setDenied(['requester.test']);
    await twin.untilEnd();
    await unjudged.untilEnd();
    const reasons = proxy.events.flatMap((event) => (event.type === 'closed' ? [event.reason] : []));
    expect(reasons).toEqual(Array(3).fill('operator-denied'));
    // A list without them lets new ones through.
    proxy.proxy.setDenied([]);
    await using again = await open('allowed.test', origin.port);
    expect(again.ended).toBe(false);
  });

  test('ends matching requests', async () => {
    await using origin = await startOrigin((_, response) => void response.write('begun'));
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.until('begun');
    proxy.proxy.setDenied(['allowed.test']);
    await client.untilEnd();
    expect(await proxy.closed()).toMatchObject({ kind: 'request', reason: 'operator-denied' });
    await expect.poll(() => origin.sockets.size).toBe(0);
  });

  test('that is not valid changes nothing', async () => {
    await using proxy = await startProxy({ deny: ['allowed.test'] });
    expect(() => proxy.proxy.setDenied(['http://x'])).toThrow('scheme');
    const [, plain = ''] = both('allowed.test', 8080);
    expect(denialOf(await RawClient.exchange(proxy.port, plain))).toBe('operator-denied');
  });

  test('applies to a host that is being looked up', async () => {
    await using origin = await startEchoOrigin();
    await using dns = await startDnsServer({
      records: { 'slow.allowed.test': { addresses: ['127.0.0.1'], delayMs: 200 } },
    });
    await using proxy = await startProxy({ dns: dns.address });
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET http://slow.allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expect.poll(() => dns.queries).toContain('slow.allowed.test A');
    proxy.proxy.setDenied(['slow.allowed.test']);
    expect(denialOf(await client.until('\r\n\r\n'))).toBe('operator-denied');
    expect(origin.accepted).toBe(0);
  });
});

describe('denied names are looked up again', () => {
  test('by their TTL; what they newly resolve to is denied, and a failure keeps the last answer', async () => {
    await using dns = await startDnsServer({
      records: {
        'requester.test': {
          A: [{ addresses: ['127.0.0.2'], ttl: 20 }, { addresses: ['127.0.0.3'], ttl: 20 }, 'servfail'],
          AAAA: ['nodata', 'nodata', 'servfail'],
        },
      },
    });
    const clock = new VirtualClock();
    let changes = 0;
    const denied = deniedHere(['requester.test'], {
      resolver: createResolver({ dns: { kind: 'server', text: dns.address }, clock }),
      onChange: () => {
        changes++;
      },
      clock,
    });
    const matches = (address: string) => denied.matchAddress(address, 443);
    denied.watch();
    expect(denied.match('requester.test' as CanonicalHost, 443)).toBe(true);
    await denied.ready();
    expect([matches('127.0.0.2'), matches('127.0.0.3')]).toEqual([true, false]);
    const before = changes;
    clock.advance(20_001);
    await expect.poll(() => matches('127.0.0.3')).toBe(true);
    expect([matches('127.0.0.2'), changes]).toEqual([false, before + 1]);
    await expect.poll(() => clock.pending).toBeGreaterThan(0);
    const asked = dns.queries.length;
    clock.advance(20_001);
    await expect.poll(() => dns.queries.length).toBeGreaterThan(asked);
    await expect.poll(() => clock.pending).toBeGreaterThan(0);
    expect(matches('127.0.0.3')).toBe(true);
    denied.close();
    expect(clock.pending).toBe(0);
  });

  test('unless nobody resolves here: then each is denied by its name alone', async () => {
    const denied = deniedHere(['requester.test', '192.0.2.1'], { resolver: null });
    denied.watch();
    expect(denied.ready()).toBeUndefined();
    expect(denied.match('requester.test' as CanonicalHost, 443)).toBe(true);
    expect([denied.matchAddress('192.0.2.1', 443), denied.matchAddress('192.0.2.2', 443)]).toEqual([
      true,
      false,
    ]);
    denied.close();
  });

  test.each([
    [1, ['a denied name does not resolve']],
    [3_000, ['3000 denied names do not resolve']],
  ])(
    '%i names that do not resolve are one line, also when they are asked for again',
    async (count, lines) => {
      const clock = new VirtualClock();
      const said: { fields: object; message: string }[] = [];
      const resolver = resolving(() => Promise.reject(new Error('NXDOMAIN')));
      const names = Array.from({ length: count }, (_, i) => `n${i}.gone.test`);
      const denied = deniedHere(names, {
        resolver,
        logger: { ...silentLogger, warn: (fields, message) => said.push({ fields, message }) },
        clock,
      });
      denied.watch();
      await denied.ready();
      await expect.poll(() => said.map(({ message }) => message)).toEqual(lines);
      expect(JSON.stringify(said[0]?.fields)).toContain('n0.gone.test');
      if (count > 3)
        expect(said[0]?.fields).toMatchObject({ hosts: 'n0.gone.test, n1.gone.test, n2.gone.test, …' });
      expect(JSON.stringify(said).length).toBeLessThan(300);
      for (let i = 0; i < 5; i++) {
        clock.advance(10_001);
        await wait(0);
      }
      expect(said).toHaveLength(1);
      denied.close();
      expect(clock.pending).toBe(0);
    },
  );

  test('by the shortest TTL of their answers, and addresses are not looked up', async () => {
    const asked: string[] = [];
    const resolver = resolving((host) => {
      asked.push(host);
      return Promise.resolve([
        { address: '127.0.0.2', ttl: 60 },
        { address: '127.0.0.3', ttl: 20 },
      ]);
    });
    const clock = new VirtualClock();
    const denied = deniedHere(['requester.test', '192.0.2.1'], { resolver, clock });
    denied.watch();
    await denied.ready();
    expect(asked).toEqual(['requester.test']);
    clock.advance(19_999);
    expect(asked).toHaveLength(1);
    clock.advance(2);
    expect(asked).toEqual(['requester.test', 'requester.test']);
    denied.close();
  });

  test('when the list is another one, and each is denied by what it had until then', async () => {
    const answers = new Map([
      ['first.test', '127.0.0.2'],
      ['second.test', '127.0.0.3'],
    ]);
    const resolver = resolving((host) => {
      const address = answers.get(host);
      return address === undefined ? new Promise(() => {}) : Promise.resolve([{ address, ttl: 60 }]);
    });
    const clock = new VirtualClock();
    const denied = deniedHere(['first.test', 'second.test:443'], { resolver, clock });
    const matching = () =>
      ['127.0.0.2', '127.0.0.3'].map((one) => [443, 80].map((port) => denied.matchAddress(one, port)));
    denied.watch();
    await denied.ready();
    expect(matching()).toEqual([
      [true, true],
      [true, false],
    ]);
    answers.clear();
    denied.watch(DenyList.parse(['second.test:443']));
    expect(matching()).toEqual([
      [false, false],
      [true, false],
    ]);
    denied.watch(DenyList.parse(['second.test:80', 'third.test']));
    expect(matching()).toEqual([
      [false, false],
      [false, false],
    ]);
    denied.close();
  });

  test('and one that resolves no more is said a while later', async () => {
    const said: string[] = [];
    let fails = false;
    const resolver = resolving(() =>
      fails ? Promise.reject(new Error('NXDOMAIN')) : Promise.resolve([{ address: '127.0.0.2', ttl: 20 }]),
    );
    const clock = new VirtualClock();
    const denied = deniedHere(['requester.test'], {
      resolver,
      logger: { ...silentLogger, warn: (_, message) => said.push(message) },
      clock,
    });
    denied.watch();
    await denied.ready();
    fails = true;
    clock.advance(20_001);
    await wait(0);
    expect(said).toEqual([]);
    clock.advance(10_001);
    expect(said).toEqual(['a denied name does not resolve']);
    denied.close();
  });

  test('and a request waits for the first answer', async () => {
    await using origin = await startEchoOrigin();
    await using dns = await startDnsServer({
      records: { 'requester.test': { addresses: ['127.0.0.1'], delayMs: 200 } },
    });
    await using proxy = await startProxy({ dns: dns.address, deny: ['requester.test'] });
    const [, plain = ''] = both('allowed.test', origin.port);
    expect(denialOf(await RawClient.exchange(proxy.port, plain))).toBe('operator-denied');
  });

  test('and a client that leaves before it leaves nothing behind', async () => {
    await using origin = await startOrigin(() => {});
    await using dns = await startDnsServer({
      records: { '*': { addresses: ['192.0.2.1'], delayMs: 1_000 } },
    });
    await using proxy = await startProxy({ dns: dns.address, deny: ['denied.test'], allow: ['127.0.0.1'] });
    const client = await RawClient.connect(proxy.port);
    client.send(`GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expect.poll(() => proxy.proxy.figures().requests, { interval: 5 }).toBe(1);
    client.reset();
    await expect
      .poll(() => proxy.proxy.figures(), { interval: 5 })
      .toMatchObject({ requests: 0, connections: 0 });
    await wait(1_200);
    expect(origin.accepted).toBe(0);
  });
});
