import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';
import { rootCertificates } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ConnectionRate } from '../../../proxy/accept/connection-rate.js';
import { OriginTls } from '../../../proxy/dial/origin-tls.js';
import { parseConnectTarget } from '../../../proxy/policy/authority.js';
import { parseCertificates } from '../../../proxy/policy/certificates.js';
import { Cancellation } from '../../../proxy/util/cancellation.js';
import { createCa, type TestCa } from '../../support/ca.js';
import { Cleanup } from '../../support/cleanup.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy, type TestProxyOptions } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';
import { VirtualClock } from '../../support/virtual-clock.js';

let ca: TestCa;
let cleanup = new Cleanup();
beforeAll(async () => {
  ca = await createCa();
});
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

/** Answers with what it was asked; `upgrade` sends each byte back. */
async function startSecure(
  names: readonly string[],
  by = ca,
): Promise<{ port: number; asked: string[]; sockets: net.Socket[] }> {
  const asked: string[] = [];
  const sockets: net.Socket[] = [];
  const server = https.createServer(await by.issue(names), ({ method, url, headers }, response) => {
    asked.push(`${method} ${url} ${headers.host} ${headers['x-bacalhau-job-id']}`);
    response.end('secret');
  });
  server.on('connection', (socket: net.Socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  });
  server.on('upgrade', (_, socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
    cleanup.add(() => void socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => new Promise((resolve) => server.close(resolve)));
  cleanup.add(() => server.closeAllConnections());
  return { port: (server.address() as net.AddressInfo).port, asked, sockets };
}

const proxyFor = (port: number, more: TestProxyOptions = {}) =>
  startProxy({ allow: [`allowed.test:${port}`], trustedCertificates: ca.pem, ...more });

const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

describe('https:// in absolute form', () => {
  test.each([null, 10_000_000])(
    'is asked for over TLS, verified, stamped and recorded (rate %s)',
    async (rate) => {
      const origin = await startSecure(['allowed.test']);
      const authority = `allowed.test:${origin.port}`;
      await using proxy = await proxyFor(origin.port, { rate });
      const answer = await RawClient.exchange(proxy.port, get(`https://${authority}/a?b`));
      expect(statusOf(answer)).toBe(200);
      expect(answer).toMatch(/secret$/);
      expect(origin.asked).toEqual([`GET /a?b ${authority} job-1`]);
      expect(proxy.decisions).toMatchObject([
        { decision: 'allow', method: 'GET', host: 'allowed.test', port: origin.port, address: '127.0.0.1' },
      ]);
      expect((await proxy.closed()).down).toBeGreaterThan(0);
    },
  );

  test('asks for 443, by the rule for TLS', async () => {
    await using proxy = await startProxy();
    for (const [target, port, reason] of [
      ['https://denied.test/', 443, 'domain-not-allowed'],
      ['https://allowed.test:8443/', 8443, 'port-not-allowed'],
      ['wss://allowed.test:8443/', 8443, 'port-not-allowed'],
      ['https://allowed.test:22/', 22, 'port-not-allowed'],
    ] as const) {
      const answer = await RawClient.exchange(proxy.port, get(target));
      expect([target, statusOf(answer), denialOf(answer)]).toEqual([target, 403, reason]);
      expect(proxy.decisions.at(-1)).toMatchObject({ port });
    }
  });

  test.each([
    ['of an authority that nobody knows', ['allowed.test'], 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['for another name', ['other.test'], 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)('is refused where the certificate is %s, and nothing is sent', async (_, names, code) => {
    const other = code.startsWith('UNABLE') ? await createCa('another') : ca;
    const origin = await startSecure(names, other);
    await using proxy = await proxyFor(origin.port);
    const answer = await RawClient.exchange(proxy.port, get(`https://allowed.test:${origin.port}/`));
    expect([statusOf(answer), denialOf(answer)]).toEqual([502, 'certificate-not-valid']);
    expect(answer).toContain(`(${code})\n`);
    expect(answer).not.toMatch(/secret|127\.0\.0\.1/);
    expect(proxy.decisions).toMatchObject([
      { reason: 'certificate-not-valid', address: '127.0.0.1', detail: code },
    ]);
    expect(origin.asked).toEqual([]);
  });

  test('is refused where the host speaks no TLS, or never ends its handshake', async () => {
    await using plain = await startTcpOrigin((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    await using silent = await startTcpOrigin(() => {});
    for (const [port, status, reason] of [
      [plain.port, 502, 'tls-failed'],
      [silent.port, 504, 'connect-timeout'],
    ] as const) {
      await using proxy = await proxyFor(port, { limits: { connectTimeoutMs: 200 } });
      const answer = await RawClient.exchange(proxy.port, get(`https://allowed.test:${port}/`));
      expect([statusOf(answer), denialOf(answer)]).toEqual([status, reason]);
    }
  });

  test('a connection over TLS is kept for https:// alone', async () => {
    const origin = await startSecure(['allowed.test']);
    const authority = `allowed.test:${origin.port}`;
    await using proxy = await proxyFor(origin.port);
    await using client = await RawClient.connect(proxy.port);
    const ask = async (url: string) => {
      const before = client.text.length;
      client.send(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await expect.poll(() => client.text.slice(before)).toContain('\r\n\r\n');
      return statusOf(client.text.slice(before));
    };
    expect([await ask(`https://${authority}/`), await ask(`https://${authority}/`)]).toEqual([200, 200]);
    // Plain HTTP to a port that speaks TLS.
    expect(await ask(`http://${authority}/`)).not.toBe(200);
    expect(origin.asked).toHaveLength(2);
  });

  test('what a handshake takes of the download is charged, and handshakes have a rate', async () => {
    const origin = await startSecure(['allowed.test']);
    const charged: number[] = [];
    const rate = new ConnectionRate(1, new VirtualClock());
    const tls = new OriginTls({
      trusted: [ca.pem],
      limiter: { charge: (bytes) => void charged.push(bytes) },
      rate,
    });
    const authority = parseConnectTarget(`allowed.test:${origin.port}`);
    if (!authority.ok) throw new Error(authority.problem);
    const shake = () => {
      const socket = net.connect(origin.port, '127.0.0.1');
      return tls.handshake(socket, authority.value, { cancel: new Cancellation(), timeoutMs: 10_000 });
    };
    const secure = await shake();
    const ofHandshake = charged.length;
    expect(charged[0]).toBeGreaterThan(500);
    // Its tickets come behind it: paid for while the connection is open.
    const sum = () => charged.slice(ofHandshake).reduce((all, bytes) => all + bytes, 0);
    await expect.poll(sum).toBeGreaterThan(100);
    expect(secure.destroyed).toBe(false);
    secure.destroy();
    await expect(shake()).rejects.toMatchObject({ reason: 'connection-rate' });
  });

  test('a WebSocket goes over it as well: wss://', async () => {
    const origin = await startSecure(['allowed.test']);
    await using proxy = await proxyFor(origin.port);
    await using client = await RawClient.connect(proxy.port);
    client.send(
      `GET wss://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    expect(statusOf(await client.until('\r\n\r\n'))).toBe(101);
    client.send('to and fro');
    await client.until('to and fro');
    client.end();
    await client.untilEnd();
    expect(await proxy.closed()).toMatchObject({ kind: 'request' });
  });
});

test.each(['client', 'origin'] as const)(
  'a WebSocket over TLS that its %s cuts is cut on the other side',
  async (who) => {
    const origin = await startSecure(['allowed.test']);
    await using proxy = await proxyFor(origin.port);
    await using client = await RawClient.connect(proxy.port);
    client.send(
      `GET wss://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    await client.until('\r\n\r\n');
    client.send('to and fro');
    await client.until('to and fro');
    if (who === 'client') client.reset();
    else for (const socket of origin.sockets) socket.resetAndDestroy();
    expect(await proxy.closed()).toMatchObject({ reason: expect.stringContaining('reset') });
    await client.untilEnd();
    await expect.poll(() => [...origin.sockets].every(({ destroyed }) => destroyed)).toBe(true);
  },
);

describe('certificates of the operator', () => {
  test('are read one by one, with what is said between them', () => {
    const [first = '', second = ''] = rootCertificates;
    expect(parseCertificates(`# one\n${first}\ntwo\n${second}\n`)).toEqual({
      ok: true,
      value: [first, second],
    });
  });

  test.each([
    ['nothing', '', 'has no certificate'],
    ['a key', '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n', 'has no certificate'],
    ['one that is cut', '-----BEGIN CERTIFICATE-----\nMIIB', 'certificate 1'],
    ['one that is broken', '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----', 'certificate 1'],
    ['too much', 'x'.repeat(65_537), 'is longer than'],
  ])('%s is none', (_, text, problem) => {
    expect(parseCertificates(text)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });
});
