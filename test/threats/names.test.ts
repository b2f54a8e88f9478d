import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { helloFor } from '../support/client-hello.js';
import { type DnsServer, startDnsServer } from '../support/dns-server.js';
import { type Origin, startEchoOrigin } from '../support/origin.js';
import { startProxy, type TestProxy } from '../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../support/raw-client.js';
import { askUdp, question } from '../support/resolver.js';

/** Every name resolves, to an origin that answers: only the proxy's judgement stands between. */
let dns: DnsServer;
let origin: Origin;
let proxy: TestProxy;

beforeAll(async () => {
  dns = await startDnsServer({ records: { '*': ['127.0.0.1'] } });
  origin = await startEchoOrigin();
  proxy = await startProxy({
    allow: [
      'exact.test',
      '.dot.test',
      `exact.test:${origin.port}`,
      `.dot.test:${origin.port}`,
      'under_score.test',
    ],
    addHosts: [],
    dns: dns.address,
    limits: { connectionsPerSecond: 100_000 },
    direct: [origin.port],
  });
});

afterAll(async () => {
  await proxy?.proxy.close();
  await origin?.close();
  await dns?.close();
});

type Verdict = readonly [status: number, reason: string | undefined];

async function viaConnect(host: string, port: string | number = origin.port): Promise<Verdict> {
  await using client = await RawClient.connect(proxy.port);
  client.send(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`);
  const answer = await client.until('\r\n\r\n');
  return [statusOf(answer), denialOf(answer)];
}

async function viaGet(host: string, port: string | number = origin.port): Promise<Verdict> {
  const answer = await RawClient.exchange(
    proxy.port,
    `GET http://${host}:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  return [statusOf(answer), denialOf(answer)];
}

/** As a program that knows of no proxy. */
async function viaHost(host: string): Promise<Verdict> {
  const answer = await RawClient.exchange(
    proxy.direct(origin.port),
    `GET / HTTP/1.1\r\nHost: ${host}:${origin.port}\r\nConnection: close\r\n\r\n`,
  );
  return [statusOf(answer), denialOf(answer)];
}

const OK: Verdict = [200, undefined];

describe('spellings of an allowed name are the same name', () => {
  test.each(['exact.test', 'EXACT.TEST', 'Exact.Test', 'exact.test.', 'a.b.DOT.test.', 'dot.test'])(
    '%s',
    async (host) => {
      expect([await viaConnect(host), await viaGet(host), await viaHost(host)]).toEqual([OK, OK, OK]);
      expect(await askUdp(proxy.names, question(host))).toMatchObject({ addresses: ['127.0.0.1'] });
    },
  );

  test('underscores are legal', async () => {
    expect(await viaGet('under_score.test')).toEqual(OK);
    expect(await viaGet('_x.dot.test')).toEqual(OK);
  });
});

describe('spellings that are no name are malformed, and nothing is looked up or dialled', () => {
  const long = `${'a'.repeat(63)}.`.repeat(4);
  test.each([
    ['two trailing dots', 'exact.test..'],
    ['an empty label', 'exact..test'],
    ['a leading dot', '.exact.test'],
    ['only a dot', '.'],
    ['nothing', ''],
    ['a label over 63 bytes', `${'a'.repeat(64)}.dot.test`],
    ['a name over 253 bytes', `${long}dot.test`],
    ['a leading hyphen', '-exact.test'],
    ['a trailing hyphen', 'exact-.test'],
    ['a NUL', 'exact.test\0.evil.test'],
    ['a CR', 'exact.test\rx'],
    ['an LF', 'exact.test\nx'],
    ['a tab', 'exact.test\tx'],
    ['a space', 'exact.test x'],
    ['percent-encoding', 'exact%2etest'],
    ['percent-encoded NUL', 'exact.test%00'],
    ['fullwidth letters', Buffer.from('ｅxact.test').toString('latin1')],
    ['an ideographic full stop', Buffer.from('exact。test').toString('latin1')],
    ['a soft hyphen', Buffer.from('ex\u00adact.test').toString('latin1')],
    ['a zero-width space', Buffer.from('exact\u200b.test').toString('latin1')],
    ['user information', 'user@exact.test'],
    ['user information with the allowed name', 'exact.test@evil.test'],
    ['user and password', 'exact.test:x@evil.test'],
    ['brackets round a name', '[exact.test]'],
    ['a zone id', '[fe80::1%25eth0]'],
    ['a zone id that ends in an allowed name', '[::ffff:1.2.3.4%x.exact.test]'],
    ['a backslash', 'evil.test\\.exact.test'],
    ['a number sign', 'evil.test#.exact.test'],
    ['two ports', 'exact.test:80'],
    ['decimal IPv4', '2130706433'],
    ['octal IPv4', '0177.0.0.1'],
    ['hex IPv4', '0x7f.0.0.1'],
    ['hex IPv4 in one', '0x7f000001'],
    ['short IPv4', '127.1'],
    ['IPv4 with leading zeros', '127.000.000.001'],
    ['IPv4 with a trailing dot', '127.0.0.1.'],
    ['a name whose last label is a number', 'exact.test.1'],
    ['a name whose last label is hex', 'exact.test.0xa'],
    ['IPv6 without brackets', '::1'],
  ])('%s', async (_, host) => {
    const queries = dns.queries.length;
    const { accepted } = origin;
    for (const [status, reason] of [await viaConnect(host), await viaGet(host), await viaHost(host)]) {
      expect(status).toBe(400);
      expect(reason).toMatch(/^malformed-(?:target|request)$/);
    }
    expect([dns.queries.length, origin.accepted]).toEqual([queries, accepted]);
  });

  test.each(['0', '0443', '+443', '-1', '65536', '4294967739', '99999999999999999999', '', 'x', '44 3'])(
    'port %j',
    async (port) => {
      for (const [status, reason] of [
        await viaConnect('exact.test', port),
        await viaGet('exact.test', port),
      ]) {
        expect(status).toBe(400);
        expect(reason).toMatch(/^malformed-(?:target|request)$/);
      }
    },
  );

  test('a slash or question mark behind the name ends it: what is asked for is the name before it', async () => {
    for (const target of ['http://evil.test/.exact.test/', 'http://evil.test?.exact.test/']) {
      const answer = await RawClient.exchange(
        proxy.port,
        `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      );
      expect(denialOf(answer)).toBe('domain-not-allowed');
      expect(answer).toContain('"host":"evil.test"');
    }
  });
});

describe('names that only look allowed are not', () => {
  test.each([
    'evilexact.test',
    'exact.test.evil.test',
    'www.exact.test',
    'evildot.test',
    'dot.test.evil.test',
    'xn--exact-abc.test',
    '192.0.2.1',
    '[::ffff:192.0.2.1]',
  ])('%s', async (host) => {
    const queries = dns.queries.length;
    expect(await viaConnect(host)).toEqual([403, 'domain-not-allowed']);
    expect(await viaGet(host)).toEqual([403, 'domain-not-allowed']);
    expect(await viaHost(host)).toEqual([403, 'domain-not-allowed']);
    expect(await askUdp(proxy.names, question(host))).toMatchObject({ rcode: 3, addresses: [] });
    expect(dns.queries.length).toBe(queries);
  });

  test.each(['test', 'localhost', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]'])(
    '%s, which would be the job itself',
    async (host) => {
      const queries = dns.queries.length;
      expect(await viaConnect(host)).toEqual([403, 'job-itself']);
      expect(await viaGet(host)).toEqual([403, 'job-itself']);
      expect(dns.queries.length).toBe(queries);
    },
  );

  test('an empty allowlist denies everything', async () => {
    await using empty = await startProxy({ allow: [], dns: dns.address });
    for (const request of [
      'CONNECT exact.test:443 HTTP/1.1\r\n\r\n',
      'GET http://exact.test/ HTTP/1.1\r\nHost: x\r\n\r\n',
    ]) {
      await using client = await RawClient.connect(empty.port);
      client.send(request);
      expect(denialOf(await client.until('\r\n\r\n'))).toBe('domain-not-allowed');
    }
  });
});

describe('ports that are not for the web', () => {
  test.each([22, 25, 79, 81, 444, 1024])('CONNECT to %i', async (port) => {
    expect(await viaConnect('exact.test', port)).toEqual([403, 'port-not-allowed']);
  });

  test.each([1, 22, 25, 79, 81, 443, 1024])('plain HTTP to %i', async (port) => {
    expect(await viaGet('exact.test', port)).toEqual([403, 'port-not-allowed']);
  });

  test("an entry's own port is for that entry only", async () => {
    expect(await viaConnect('exact.test', origin.port)).toEqual(OK);
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`under_score.test:${origin.port}`);
    client.send(helloFor('under_score.test'));
    await client.untilEnd();
    expect(client.text).toBe('');
    expect(proxy.denials.at(-1)).toBe('tls-to-plain-port');
  });
});
