import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { helloFor, helloMessage, record } from '../../support/client-hello.js';
import { type DnsServer, startDnsServer } from '../../support/dns-server.js';
import { type Origin, startEchoOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { verdictOf } from '../../support/verdict.js';

/** A program that knows of no proxy is judged as one that does: same host, same port, same bytes, same verdict. */
let dns: DnsServer;
let origin: Origin;

beforeAll(async () => {
  dns = await startDnsServer({
    records: {
      '*': ['127.0.0.1'],
      'private.test': ['10.1.2.3'],
      // What they resolve to is denied as well.
      'denied.test': ['192.0.2.9'],
      'half.test': ['192.0.2.10'],
      'metadata.test': ['169.254.169.254'],
      'mixed.test': ['127.0.0.1', '192.168.0.1'],
      'mapped.test': ['::ffff:10.0.0.1'],
      'node.test': ['192.0.2.7'],
      'gone.test': 'nxdomain',
      'broken.test': 'servfail',
      'cname.test': { cname: 'private.test' },
    },
  });
  origin = await startEchoOrigin();
});

afterAll(async () => {
  await origin?.close();
  await dns?.close();
});

const OTHER_PORTS = [80, 443, 22, 25, 1024, 8443];
const ports = () => [...OTHER_PORTS, origin.port];

const start = () =>
  startProxy({
    allow: [
      ...[
        'exact.test',
        '.dot.test',
        'private.test',
        'metadata.test',
        'mixed.test',
        'mapped.test',
        'node.test',
      ],
      ...['gone.test', 'broken.test', 'cname.test', 'denied.test', 'half.test', 'under_score.test'],
      ...[`exact.test:${origin.port}`, `private.test:${origin.port}`, `.dot.test:${origin.port}`],
    ],
    deny: ['denied.test', 'half.test:443'],
    addHosts: [],
    nodeAddresses: ['192.0.2.7'],
    allowAddresses: ['127.0.0.1/32'],
    dns: dns.address,
    direct: ports(),
  });

const NAMES = [
  ...['exact.test', 'EXACT.Test', 'exact.test.', 'a.b.dot.test', 'dot.test', 'under_score.test'],
  ...[
    'evil.test',
    'evilexact.test',
    'exact.test.evil.test',
    'www.exact.test',
    'test',
    'denied.test',
    'half.test',
  ],
  ...[
    'private.test',
    'metadata.test',
    'mixed.test',
    'mapped.test',
    'node.test',
    'cname.test',
    'gone.test',
    'broken.test',
  ],
  ...[
    'exact..test',
    '.exact.test',
    '-exact.test',
    'exact-.test',
    `${'a'.repeat(64)}.test`,
    'exact%2etest',
    'exact.test:80',
  ],
  ...['user@exact.test', '0x7f000001', '2130706433', '127.1', 'exact.test.1'],
];

test('what is allowed both ways, is reached', async () => {
  await using proxy = await start();
  const request = `GET / HTTP/1.1\r\nHost: exact.test:${origin.port}\r\nConnection: close\r\n\r\n`;
  for (const bytes of [helloFor('exact.test'), request]) {
    const direct = await verdictOf(proxy, proxy.direct(origin.port), bytes);
    expect(direct).toEqual({ reason: 'allowed', host: 'exact.test', address: '127.0.0.1' });
  }
});

describe('TLS: as CONNECT', () => {
  test.each(NAMES)('%s', async (name) => {
    for (const port of ports()) {
      await using proxy = await start();
      const connect = await verdictOf(proxy, proxy.port, helloFor(name), `${name}:${port}`);
      const direct = await verdictOf(proxy, proxy.direct(port), helloFor(name));
      if (connect.reason.startsWith('malformed-')) expect(direct.reason).toBe('malformed-target');
      else expect([port, direct]).toEqual([port, connect]);
    }
  });

  test.each([
    ['no server name', record(helloMessage({}))],
    ['a broken record', Buffer.from([22, 3, 1, 0, 4, 9, 9, 9, 9])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['half a ClientHello', helloFor('exact.test').subarray(0, 40)],
    ['SSH', Buffer.from('SSH-2.0-x\r\n')],
    ['an alert', Buffer.from([21, 3, 3, 0, 2, 2, 40])],
    ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ])('%s', async (_, bytes) => {
    await using proxy = await start();
    const connect = await verdictOf(proxy, proxy.port, bytes, `exact.test:${origin.port}`);
    const direct = await verdictOf(proxy, proxy.direct(origin.port), bytes);
    expect(direct.reason).toBe(connect.reason);
    expect(direct.reason).not.toBe('allowed');
  });
});

describe('HTTP: as a request to the proxy', () => {
  test.each(NAMES)('%s', async (name) => {
    for (const port of ports()) {
      await using proxy = await start();
      const request = (target: string) =>
        `GET ${target}/ HTTP/1.1\r\nHost: ${name}:${port}\r\nConnection: close\r\n\r\n`;
      const plain = await verdictOf(proxy, proxy.port, request(`http://${name}:${port}`));
      const direct = await verdictOf(proxy, proxy.direct(port), request(''));
      if (plain.reason.startsWith('malformed-')) expect(direct.reason).toBe('malformed-request');
      else expect([port, direct]).toEqual([port, plain]);
    }
  });
});
