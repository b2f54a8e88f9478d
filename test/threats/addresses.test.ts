import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { startDnsServer } from '../support/dns-server.js';
import { startEchoOrigin } from '../support/origin.js';
import { startProxy } from '../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../support/raw-client.js';

const get = (host: string, port: number) =>
  `GET http://${host}:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

async function denialVia(proxyPort: number, host: string, port: number): Promise<(string | undefined)[]> {
  const reasons: (string | undefined)[] = [];
  for (const request of [get(host, port), `CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`]) {
    await using client = await RawClient.connect(proxyPort);
    client.send(request);
    const answer = await client.until('\r\n\r\n');
    reasons.push(statusOf(answer) === 200 ? 'allowed' : denialOf(answer));
  }
  return reasons;
}

describe('an allowed name that resolves to an address that is not public is refused', () => {
  test.each([
    ['this network', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['metadata in carrier-grade NAT', '100.100.100.200'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['link-local and metadata', '169.254.169.254'],
    ['protocol assignments', '192.0.0.192'],
    ['documentation', '192.0.2.1'],
    ['documentation', '198.51.100.1'],
    ['documentation', '203.0.113.1'],
    ['6to4 relay', '192.88.99.1'],
    ['benchmark', '198.18.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ["a cloud's metadata at a public address", '168.63.129.16'],
    ['IPv6 loopback', '::1'],
    ['IPv6 unspecified', '::'],
    ['IPv6 link-local', 'fe80::1'],
    ['IPv6 unique local and metadata', 'fd00:ec2::254'],
    ['IPv6 multicast', 'ff02::1'],
    ['IPv6 documentation', '2001:db8::1'],
    ['IPv6 documentation', '3fff::1'],
    ['IPv4-mapped', '::ffff:127.0.0.1'],
    ['IPv4-mapped metadata', '::ffff:169.254.169.254'],
    ['IPv4-compatible', '::127.0.0.1'],
    ['SIIT', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001:0:7f00:1::'],
  ])('%s: %s', async (_, address) => {
    await using dns = await startDnsServer({ records: { 'a.allowed.test': [address] } });
    await using proxy = await startProxy({
      allow: ['.allowed.test', `[${address}]:8080`.replace(/^\[(\d+\.[\d.]+)\]/, '$1')],
      dns: dns.address,
      allowAddresses: [],
      direct: [80],
    });
    const host = await RawClient.exchange(
      proxy.direct(80),
      'GET / HTTP/1.1\r\nHost: a.allowed.test\r\nConnection: close\r\n\r\n',
    );
    const [plain, tunnel] = await denialVia(proxy.port, 'a.allowed.test', 80);
    expect(denialOf(host)).toBe(plain);
    expect(plain).toMatch(/^address-(?:not-public|of-node)$/);
    expect(tunnel).toBe(plain);
    expect(proxy.decisions[0]).toMatchObject({ host: 'a.allowed.test', status: 403 });
  });

  test('and reached where the operator made an exception', async () => {
    await using origin = await startEchoOrigin();
    await using dns = await startDnsServer({ records: { 'a.allowed.test': ['127.0.0.1'] } });
    const options = { allow: [`a.allowed.test:${origin.port}`], dns: dns.address };
    await using refusing = await startProxy({ ...options, allowAddresses: [] });
    expect(await denialVia(refusing.port, 'a.allowed.test', origin.port)).toEqual(
      Array(2).fill('address-not-public'),
    );
    await using proxy = await startProxy({ ...options, allowAddresses: ['127.0.0.1/32'] });
    expect(await denialVia(proxy.port, 'a.allowed.test', origin.port)).toEqual(['allowed', 'allowed']);
  });

  test('as an allowlist entry of its own, too', async () => {
    await using proxy = await startProxy({
      allow: ['127.0.0.1', '::1', '169.254.169.254'],
      allowAddresses: [],
    });
    for (const [host, reason] of [
      ['127.0.0.1', 'job-itself'],
      ['[::1]', 'job-itself'],
      ['169.254.169.254', 'address-not-public'],
    ] as const) {
      expect(await denialVia(proxy.port, host, 80)).toEqual([reason, reason]);
    }
  });

  test('the answer to the job does not say to which', async () => {
    await using dns = await startDnsServer({ records: { 'a.allowed.test': ['10.1.2.3'] } });
    await using proxy = await startProxy({ dns: dns.address });
    const answer = await RawClient.exchange(proxy.port, get('a.allowed.test', 80));
    expect(answer).not.toContain('10.1.2.3');
    expect(proxy.decisions[0]?.address).toBe('10.1.2.3');
  });
});

describe("this host's own addresses", () => {
  // Bridges of other tests come and go.
  const own = Object.entries(networkInterfaces())
    .flatMap(([name, list]) => (/^(jg|br-|veth)/.test(name) ? [] : (list ?? [])))
    .filter(({ family, internal }) => family === 'IPv4' && !internal);

  test.each(own.map(({ address }) => address))(
    '%s is refused, unless an exception names it',
    async (address) => {
      await using origin = await startEchoOrigin(address);
      await using proxy = await startProxy({ allow: [`${address}:${origin.port}`], allowAddresses: [] });
      expect(await denialVia(proxy.port, address, origin.port)).toEqual(Array(2).fill('address-of-node'));
      await using open = await startProxy({
        allow: [`${address}:${origin.port}`],
        allowAddresses: [`${address}/32`],
      });
      expect(await denialVia(open.port, address, origin.port)).toEqual(['allowed', 'allowed']);
    },
  );

  test('that are on no interface are refused when they are listed', async () => {
    await using proxy = await startProxy({
      allow: ['192.0.2.7'],
      allowAddresses: [],
      nodeAddresses: ['192.0.2.7'],
    });
    expect(await denialVia(proxy.port, '192.0.2.7', 80)).toEqual(Array(2).fill('address-of-node'));
  });
});

describe('rebinding', () => {
  test('each decision looks up once, and dials what was judged', async () => {
    await using origin = await startEchoOrigin();
    await using dns = await startDnsServer({
      records: {
        'a.allowed.test': {
          A: [
            { addresses: ['127.0.0.1'], ttl: 0 },
            { addresses: ['10.9.9.9'], ttl: 0 },
          ],
          AAAA: 'nodata',
        },
      },
    });
    await using proxy = await startProxy({ dns: dns.address, allowAddresses: ['127.0.0.1/32'] });
    expect(statusOf(await RawClient.exchange(proxy.port, get('a.allowed.test', origin.port)))).toBe(200);
    expect(dns.queries.filter((query) => query === 'a.allowed.test A')).toHaveLength(1);
    expect(denialOf(await RawClient.exchange(proxy.port, get('a.allowed.test', origin.port)))).toBe(
      'address-not-public',
    );
    expect(dns.queries.filter((query) => query === 'a.allowed.test A')).toHaveLength(2);
  });

  test('a kept connection is used only while the name still resolves to exactly its addresses', async () => {
    await using one = await startEchoOrigin('127.0.0.1');
    await using dns = await startDnsServer({
      records: {
        'a.allowed.test': {
          A: [
            { addresses: ['127.0.0.1'], ttl: 0 },
            { addresses: ['127.0.0.1'], ttl: 0 },
            { addresses: ['127.0.0.2'], ttl: 0 },
          ],
          AAAA: 'nodata',
        },
      },
    });
    await using proxy = await startProxy({ dns: dns.address });
    await using client = await RawClient.connect(proxy.port);
    for (const n of [1, 2]) {
      client.send(`GET http://a.allowed.test:${one.port}/${n} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await client.until(`"url":"/${n}"`);
    }
    expect(one.accepted).toBe(1);
    client.send(`GET http://a.allowed.test:${one.port}/3 HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await client.until('X-Jobgate-Deny')).toContain('connect-failed');
    expect(proxy.decisions.map(({ address }) => address)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.2']);
  });

  test.each([
    ['an answer with a public and a private address', ['192.0.2.1', '10.0.0.1']],
    ['an answer with private addresses in the other family', ['127.0.0.1', 'fd00::1']],
  ])('%s is refused whole', async (_, addresses) => {
    await using origin = await startEchoOrigin();
    await using dns = await startDnsServer({
      records: { 'a.allowed.test': addresses, 'b.allowed.test': ['127.0.0.1'] },
    });
    await using proxy = await startProxy({
      dns: dns.address,
      allowAddresses: ['127.0.0.1/32', '192.0.2.1/32'],
    });
    expect(denialOf(await RawClient.exchange(proxy.port, get('a.allowed.test', origin.port)))).toBe(
      'address-not-public',
    );
    expect(origin.accepted).toBe(0);
    expect(statusOf(await RawClient.exchange(proxy.port, get('b.allowed.test', origin.port)))).toBe(200);
  });

  test('a CNAME to a name that is private is refused; the name it leads to need not be allowed', async () => {
    await using origin = await startEchoOrigin();
    await using dns = await startDnsServer({
      records: {
        'a.allowed.test': { cname: 'inside.corp.test' },
        'inside.corp.test': ['10.0.0.1'],
        'b.allowed.test': { cname: 'cdn.test' },
        'cdn.test': ['127.0.0.1'],
      },
    });
    await using proxy = await startProxy({ dns: dns.address, allowAddresses: ['127.0.0.1/32'] });
    expect(denialOf(await RawClient.exchange(proxy.port, get('a.allowed.test', origin.port)))).toBe(
      'address-not-public',
    );
    expect(statusOf(await RawClient.exchange(proxy.port, get('b.allowed.test', origin.port)))).toBe(200);
  });
});

describe('an exception of the operator is for exactly what it says', () => {
  test('address and port', async () => {
    await using origin = await startEchoOrigin();
    await using other = await startEchoOrigin();
    await using proxy = await startProxy({
      allow: ['127.0.0.1', '127.0.0.2'],
      allowAddresses: [`127.0.0.1/32:${origin.port}`],
    });
    const verdict = async (host: string, port: number) => {
      const answer = await RawClient.exchange(proxy.port, get(host, port));
      return denialOf(answer) ?? statusOf(answer);
    };
    expect(await verdict('127.0.0.1', origin.port)).toBe(200);
    expect(await verdict('127.0.0.1', other.port)).toBe('job-itself');
    expect(await verdict('127.0.0.2', origin.port)).toBe('job-itself');
  });
});

describe('the proxy asked to proxy to itself or to a sibling', () => {
  test('is refused by address and by name, whatever the exceptions; another listener is reached', async () => {
    await using origin = await startEchoOrigin();
    await using sibling = await startProxy();
    const ports = (port: number) => [`self.test:${port}`, `127.0.0.1:${port}`, `127.0.0.9:${port}`];
    await using proxy = await startProxy({
      allow: ['self.test', '127.0.0.1', '127.0.0.9', ...ports(sibling.port), ...ports(origin.port)],
      addHosts: [['self.test', '127.0.0.1']],
    });
    for (const host of ['self.test', '127.0.0.1']) {
      expect(await denialVia(proxy.port, host, sibling.port)).toEqual(Array(2).fill('proxy-loop'));
      const [itself] = await denialVia(proxy.port, host, proxy.port);
      expect(itself).toBe('proxy-loop');
      expect(await denialVia(proxy.port, host, origin.port)).toEqual(['allowed', 'allowed']);
    }
  });
});
