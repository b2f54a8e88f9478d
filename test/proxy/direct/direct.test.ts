import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { createCa } from '../../support/ca.js';
import { helloFor, helloMessage, record, serverNames } from '../../support/client-hello.js';
import { startDnsServer } from '../../support/dns-server.js';
import { headerValues, startEchoOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';

const ALERTS = { decodeError: 50, accessDenied: 49, internalError: 80, unrecognizedName: 112 };
const get = (host: string, path = '/') =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

/** What a client that sends these bytes gets: the number of a fatal alert, or all that came. */
async function alertFor(port: number, bytes: Buffer): Promise<number | string> {
  const text = await RawClient.exchange(port, bytes);
  const answer = Buffer.from(text, 'latin1');
  return answer.length === 7 && answer.subarray(0, 6).equals(Buffer.from([21, 3, 3, 0, 2, 2]))
    ? (answer[6] as number)
    : text;
}

describe('TLS to the gateway', () => {
  test('is a tunnel to the host that it names, end to end and untouched', async () => {
    const ca = await createCa();
    const { key, cert } = await ca.issue(['allowed.test']);
    const secure = tls.createServer(
      { key, cert },
      (socket) => void socket.pipe(socket).on('error', () => {}),
    );
    await using origin = await startTcpOrigin((socket) => void secure.emit('connection', socket));
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], direct: [origin.port] });
    const data = Buffer.alloc(300_000, 'x');
    const received = await new Promise<Buffer>((resolve, reject) => {
      const chunks: Buffer[] = [];
      const client = tls.connect({
        port: proxy.direct(origin.port),
        host: '127.0.0.1',
        servername: 'allowed.test',
        ca: ca.pem,
      });
      client.on('error', reject);
      client.on('data', (chunk) => chunks.push(chunk));
      client.on('end', () => resolve(Buffer.concat(chunks)));
      client.end(data);
    });
    expect(received.equals(data)).toBe(true);
    expect(proxy.decisions).toMatchObject([
      {
        how: 'direct',
        decision: 'allow',
        method: 'TLS',
        host: 'allowed.test',
        port: origin.port,
        address: '127.0.0.1',
      },
    ]);
    expect(await proxy.closed()).toMatchObject({ kind: 'tunnel', host: 'allowed.test', port: origin.port });
  });

  test('in pieces of a byte', async () => {
    await using origin = await startTcpOrigin((socket) => void socket.pipe(socket));
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], direct: [origin.port] });
    await using client = await RawClient.connect(proxy.direct(origin.port));
    const hello = helloFor('ALLOWED.test');
    await client.sendPieces(hello, 1);
    expect((await client.untilBytes(hello.length)).equals(hello)).toBe(true);
  });

  test.each([
    ['for a host that is not allowed', helloFor('evil.test'), ALERTS.accessDenied, 'domain-not-allowed'],
    [
      'for a host that the operator denies',
      helloFor('denied.allowed.test'),
      ALERTS.accessDenied,
      'operator-denied',
    ],
    ['without a name', record(helloMessage({})), ALERTS.unrecognizedName, 'tls-no-name'],
    [
      'with two names',
      record(helloMessage({ serverName: serverNames([0, 'allowed.test'], [0, 'evil.test']) })),
      ALERTS.decodeError,
      'tls-malformed',
    ],
    ['with an address for a name', helloFor('127.0.0.1'), ALERTS.decodeError, 'malformed-target'],
    ['with what is no name', helloFor('allowed.test\0.evil.test'), ALERTS.decodeError, 'malformed-target'],
    ['for a host that does not answer', helloFor('allowed.test'), ALERTS.internalError, 'connect-failed'],
  ])('%s is refused with an alert', async (_, hello, alert, reason) => {
    await using proxy = await startProxy({
      allow: ['.allowed.test'],
      deny: ['denied.allowed.test'],
      direct: [443],
    });
    expect(await alertFor(proxy.direct(443), hello)).toBe(alert);
    expect(proxy.decisions).toMatchObject([{ how: 'direct', decision: 'deny', reason, port: 443 }]);
  });

  test('a second ClientHello is judged like the first', async () => {
    const retry = record(
      Buffer.concat([
        Buffer.from([2, 0, 0, 38, 3, 3]),
        // SHA-256 of "HelloRetryRequest" (RFC 8446 section 4.1.3).
        Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex'),
        Buffer.from([0, 0, 0, 0]),
      ]),
    );
    await using origin = await startTcpOrigin((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write(retry));
    });
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], direct: [origin.port] });
    await using client = await RawClient.connect(proxy.direct(origin.port));
    client.send(helloFor('allowed.test'));
    await client.untilBytes(retry.length);
    client.send(helloFor('evil.test'));
    await client.untilEnd();
    expect(proxy.denials).toEqual(['tls-other-name']);
  });
});

describe('HTTP to the gateway', () => {
  test('is a request to its Host, stamped and counted like any other', async () => {
    await using origin = await startEchoOrigin();
    const host = `allowed.test:${origin.port}`;
    await using proxy = await startProxy({ allow: [host], direct: [origin.port] });
    const answer = await RawClient.exchange(proxy.direct(origin.port), get(host, '/path?q'));
    const seen = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1));
    expect(seen.url).toBe('/path?q');
    expect(headerValues(seen.rawHeaders, 'host')).toEqual([host]);
    expect(headerValues(seen.rawHeaders, 'x-bacalhau-job-id')).toEqual(['job-1']);
    expect(proxy.decisions).toMatchObject([
      { how: 'direct', decision: 'allow', method: 'GET', host: 'allowed.test' },
    ]);
  });

  test('each request of a connection is judged', async () => {
    await using origin = await startEchoOrigin();
    const host = `allowed.test:${origin.port}`;
    await using proxy = await startProxy({ allow: [host], direct: [origin.port] });
    const keep = (name: string) => `GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`;
    const answer = await RawClient.exchange(
      proxy.direct(origin.port),
      keep(host) + keep(`evil.test:${origin.port}`) + get(host),
    );
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403', 'HTTP/1.1 200']);
  });

  test.each([
    ['without Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'malformed-request'],
    ['without Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 400, 'malformed-request'],
    ['with an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400, 'malformed-request'],
    [
      'with two',
      'GET / HTTP/1.1\r\nHost: allowed.test\r\nHost: allowed.test\r\n\r\n',
      400,
      'malformed-request',
    ],
    ['with what is no host', 'GET / HTTP/1.1\r\nHost: a@allowed.test\r\n\r\n', 400, 'malformed-request'],
    ['for another port', 'GET / HTTP/1.1\r\nHost: allowed.test:8080\r\n\r\n', 421, 'other-authority'],
    [
      'in absolute form',
      'GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n',
      400,
      'malformed-target',
    ],
    [
      'with CONNECT',
      'CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n',
      400,
      'connect-in-tunnel',
    ],
    ['for a host that is not allowed', get('evil.test'), 403, 'domain-not-allowed'],
    ['for an address', get('192.0.2.1'), 403, 'domain-not-allowed'],
  ])('%s is refused with the usual answer', async (_, request, status, reason) => {
    await using proxy = await startProxy({ direct: [80] });
    await using client = await RawClient.connect(proxy.direct(80));
    client.send(request);
    const answer = await client.until('\r\n\r\n');
    expect([statusOf(answer), denialOf(answer)]).toEqual([status, reason]);
    expect(proxy.decisions).toMatchObject([{ how: 'direct', reason, status }]);
  });
});

test('an allowed name that resolves to a private address is refused at the connection, both ways', async () => {
  await using dns = await startDnsServer({ records: { 'a.allowed.test': ['10.1.2.3'] } });
  await using proxy = await startProxy({
    allow: ['.allowed.test'],
    dns: dns.address,
    allowAddresses: [],
    direct: [80, 443],
  });
  const answer = await RawClient.exchange(proxy.direct(80), get('a.allowed.test'));
  expect(denialOf(answer)).toBe('address-not-public');
  expect(answer).not.toContain('10.1.2.3');
  expect(await alertFor(proxy.direct(443), helloFor('a.allowed.test'))).toBe(ALERTS.accessDenied);
  const refused = {
    how: 'direct',
    reason: 'address-not-public',
    host: 'a.allowed.test',
    address: '10.1.2.3',
  };
  expect(proxy.decisions).toMatchObject([refused, refused]);
});

describe('anything else', () => {
  test.each([
    ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['SMTP', 'EHLO a\r\n'],
    ['HTTP/2 in the clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['noise', '\0\0\0\0\0\0\0\0'],
  ])('%s is closed without a word', async (_, bytes) => {
    await using proxy = await startProxy({ direct: [443] });
    expect(await RawClient.exchange(proxy.direct(443), bytes)).toBe('');
    expect(proxy.decisions).toMatchObject([{ how: 'direct', reason: 'tunnel-not-web', port: 443 }]);
  });

  test('half a ClientHello is waited for as long as one in a tunnel', async () => {
    await using proxy = await startProxy({ direct: [443], limits: { helloTimeoutMs: 100 } });
    expect(await alertFor(proxy.direct(443), helloFor('allowed.test').subarray(0, 20))).toBe(
      ALERTS.internalError,
    );
    expect(proxy.denials).toEqual(['hello-timeout']);
  });

  test('a client that is no client is refused before it says anything, as its port is used to', async () => {
    await using proxy = await startProxy({ clients: ['127.0.0.9/32'], direct: [80, 443] });
    expect(denialOf(await RawClient.exchange(proxy.direct(80), ''))).toBe('client-not-allowed');
    expect(await alertFor(proxy.direct(443), Buffer.alloc(0))).toBe(ALERTS.internalError);
  });
});

test('connections count as those of the proxy do, and end with it', async () => {
  await using origin = await startTcpOrigin((socket) => void socket.pipe(socket));
  await using proxy = await startProxy({
    allow: [`allowed.test:${origin.port}`],
    direct: [origin.port],
    limits: { tunnels: 1 },
  });
  await using first = await RawClient.connect(proxy.direct(origin.port));
  const hello = helloFor('allowed.test');
  first.send(hello);
  await first.untilBytes(hello.length);
  expect(proxy.proxy.figures()).toMatchObject({ connections: 1, tunnels: 1, allowed: 1 });
  expect(await alertFor(proxy.direct(origin.port), hello)).toBe(ALERTS.internalError);
  expect(proxy.denials).toEqual(['too-many-tunnels']);
  proxy.proxy.setDenied(['allowed.test']);
  await first.untilEnd();
  expect(await proxy.closed()).toMatchObject({ reason: 'operator-denied' });
});
