import { createHash, randomBytes } from 'node:crypto';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { createCa } from '../../support/ca.js';
import { helloFor } from '../../support/client-hello.js';
import { startDnsServer } from '../../support/dns-server.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';
import { closedPort } from '../../support/silent-listener.js';

/** An origin that sends back what it gets. */
const startMirror = (host?: string) => startTcpOrigin((socket) => void socket.pipe(socket), host);

describe('CONNECT to an allowed host', () => {
  test('carries TLS end to end, untouched', async () => {
    const ca = await createCa();
    const { key, cert } = await ca.issue(['allowed.test']);
    const secure = tls.createServer({ key, cert }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    await using origin = await startTcpOrigin((socket) => void secure.emit('connection', socket));
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    const authority = `allowed.test:${origin.port}`;
    client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    expect(statusOf(await client.until('\r\n\r\n'))).toBe(200);
    client.socket.removeAllListeners('data');
    const data = randomBytes(3_000_000);
    const received = await new Promise<Buffer>((resolve, reject) => {
      const chunks: Buffer[] = [];
      const inside = tls.connect({ socket: client.socket, servername: 'allowed.test', ca: ca.pem });
      inside.on('error', reject);
      inside.on('data', (chunk) => chunks.push(chunk));
      inside.on('end', () => resolve(Buffer.concat(chunks)));
      inside.end(data);
    });
    expect(sha(received)).toBe(sha(data));
    const closed = await proxy.closed();
    expect(closed).toMatchObject({ kind: 'tunnel', host: 'allowed.test', port: origin.port, reason: 'end' });
    expect(closed.up).toBeGreaterThan(data.length);
    expect(closed.down).toBeGreaterThan(data.length);
  });

  test('bytes pipelined behind it reach the origin whole', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    const hello = helloFor('allowed.test');
    const behind = Buffer.concat([hello, randomBytes(200_000)]);
    await client.connectTo(`allowed.test:${origin.port}`, behind);
    expect(sha(await client.untilBytes(behind.length))).toBe(sha(behind));
  });

  test.each([null, 1_000_000_000])(
    'bytes that come while the host is looked up likewise (rate %s)',
    async (rate) => {
      await using origin = await startMirror();
      const records = { 'allowed.test': { addresses: ['127.0.0.1'], delayMs: 300 } };
      await using dns = await startDnsServer({ records });
      await using proxy = await startProxy({
        dns: dns.address,
        addHosts: [],
        allow: [`allowed.test:${origin.port}`],
        rate,
      });
      await using client = await RawClient.connect(proxy.port);
      const sent = Buffer.concat([helloFor('allowed.test'), randomBytes(200_000)]);
      const answered = client.connectTo(`allowed.test:${origin.port}`);
      await expect.poll(() => dns.queries.length).toBeGreaterThan(0);
      await client.sendPieces(sent, 50_000);
      expect(statusOf(await answered)).toBe(200);
      expect(sha(await client.untilBytes(sent.length))).toBe(sha(sent));
    },
  );

  test.each([
    ['in capitals', 'ALLOWED.TEST'],
    ['with a trailing dot', 'allowed.test.'],
  ])('written %s is the same host', async (_, host) => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    expect(statusOf(await client.connectTo(`${host}:${origin.port}`))).toBe(200);
    expect(proxy.decisions).toMatchObject([
      { decision: 'allow', host: 'allowed.test', address: '127.0.0.1' },
    ]);
  });

  test('over HTTP/1.0 and without Host, as Python writes it', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    client.send(`CONNECT allowed.test:${origin.port} HTTP/1.0\r\n\r\n`);
    expect(statusOf(await client.until('\r\n\r\n'))).toBe(200);
    const hello = helloFor('allowed.test');
    client.send(hello);
    await client.untilBytes(hello.length);
  });

  test('a Host that says something else is not looked at', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    client.send(`CONNECT allowed.test:${origin.port} HTTP/1.1\r\nHost: other.test:1\r\n\r\n`);
    expect(statusOf(await client.until('\r\n\r\n'))).toBe(200);
    expect(proxy.decisions).toMatchObject([{ decision: 'allow', host: 'allowed.test' }]);
  });

  test('to an allowed IPv4 address', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`127.0.0.1:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    expect(statusOf(await client.connectTo(`127.0.0.1:${origin.port}`))).toBe(200);
  });

  test('to an allowed IPv6 address', async () => {
    await using origin = await startMirror('::1');
    await using proxy = await startProxy({ allow: [`[::1]:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    expect(statusOf(await client.connectTo(`[::1]:${origin.port}`))).toBe(200);
    expect(proxy.decisions).toMatchObject([{ host: '::1', address: '::1' }]);
  });
});

describe('CONNECT to what is not allowed', () => {
  test('answers with status, header, JSON and a sentence, and never with an address', async () => {
    await using proxy = await startProxy({ addHosts: [['denied.test', '127.0.0.1']] });
    const answer = await RawClient.exchange(
      proxy.port,
      'CONNECT denied.test:443 HTTP/1.1\r\nHost: denied.test:443\r\n\r\n',
    );
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head.split('\r\n')).toEqual([
      'HTTP/1.1 403 jobgate: domain-not-allowed',
      'X-Jobgate-Deny: domain-not-allowed',
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ]);
    const [json = '', sentence, rest] = body.split('\n');
    expect(JSON.parse(json)).toEqual({
      decision: 'deny',
      reason: 'domain-not-allowed',
      host: 'denied.test',
      port: 443,
      job: 'job-1',
    });
    expect(sentence).toBe(
      'add denied.test to Network.Domains of the job (on the command line: --domain denied.test)',
    );
    expect(rest).toBe('');
    expect(proxy.decisions).toMatchObject([
      {
        decision: 'deny',
        reason: 'domain-not-allowed',
        status: 403,
        host: 'denied.test',
        port: 443,
        method: 'CONNECT',
      },
    ]);
  });

  test('the sentence for a port names the entry to add', async () => {
    await using proxy = await startProxy({ allow: ['allowed.test'] });
    const answer = await RawClient.exchange(proxy.port, 'CONNECT allowed.test:1024 HTTP/1.1\r\n\r\n');
    expect(denialOf(answer)).toBe('port-not-allowed');
    expect(answer).toContain('--domain allowed.test:1024)\n');
  });

  test('bytes pipelined behind it are never read as the next request', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const next = `CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\n`;
    const answer = await RawClient.exchange(proxy.port, `CONNECT denied.test:443 HTTP/1.1\r\n\r\n${next}`);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(proxy.decisions).toHaveLength(1);
    expect(origin.accepted).toBe(0);
    // The same bytes are a request where nothing was refused before them.
    await using client = await RawClient.connect(proxy.port);
    client.send(next);
    expect(statusOf(await client.until('\r\n\r\n'))).toBe(200);
  });

  test('bytes that come later are not either, and the connection closes', async () => {
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send('CONNECT denied.test:443 HTTP/1.1\r\n\r\n');
    await client.until('--domain denied.test)\n');
    client.send('GET http://denied.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n');
    await client.untilEnd();
    expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(proxy.decisions).toHaveLength(1);
  });

  test.each([
    ['Content-Length', 'Content-Length: 5\r\n'],
    ['Transfer-Encoding', 'Transfer-Encoding: chunked\r\n'],
  ])('with %s it is malformed, and nothing is dialled', async (_, header) => {
    await using origin = await startMirror();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const authority = `allowed.test:${origin.port}`;
    const answer = await RawClient.exchange(
      proxy.port,
      `CONNECT ${authority} HTTP/1.1\r\n${header}\r\nhello`,
    );
    expect([statusOf(answer), denialOf(answer)]).toEqual([400, 'malformed-request']);
    expect(origin.accepted).toBe(0);
    await using client = await RawClient.connect(proxy.port);
    expect(statusOf(await client.connectTo(authority))).toBe(200);
  });

  test('malformed targets are refused before any look-up', async () => {
    await using dns = await startDnsServer({ records: { '*': ['127.0.0.1'] } });
    await using proxy = await startProxy({ dns: dns.address, addHosts: [] });
    const targets = [
      '[]:443',
      '[allowed.test]:443',
      'u@allowed.test:443',
      'allowed.test:443:443',
      ':443',
      'allowed.test',
      'allowed.test:0443',
      'allowed.test:0',
      'allowed.test:65536',
      'allowed.test:4294967739',
      'allowed%2etest:443',
      'allowed.test:443/x',
      'http://allowed.test/',
      '/',
      '*',
      '[fe80::1%25eth0]:443',
      '2130706433:443',
      '127.1:443',
      '0x7f.1:443',
      'allowed..test:443',
      '-allowed.test:443',
      `${'a'.repeat(64)}.test:443`,
    ];
    for (const target of targets) {
      const answer = await RawClient.exchange(proxy.port, `CONNECT ${target} HTTP/1.1\r\n\r\n`);
      expect([target, statusOf(answer), denialOf(answer)]).toEqual([target, 400, 'malformed-target']);
    }
    expect(dns.queries).toEqual([]);
    await RawClient.exchange(proxy.port, 'CONNECT www.allowed.test:443 HTTP/1.1\r\n\r\n').catch(() => {});
    expect(dns.queries).toContain('www.allowed.test A');
  });
});

describe('a host that cannot be reached', () => {
  test('connect-failed is 502, before any 200', async () => {
    const port = await closedPort();
    await using proxy = await startProxy({ allow: [`allowed.test:${port}`] });
    const answer = await RawClient.exchange(proxy.port, `CONNECT allowed.test:${port} HTTP/1.1\r\n\r\n`);
    expect([statusOf(answer), denialOf(answer)]).toEqual([502, 'connect-failed']);
    expect(answer).not.toContain('127.0.0.1');
    expect(proxy.decisions).toMatchObject([{ reason: 'connect-failed', status: 502, address: '127.0.0.1' }]);
  });

  test('name-not-found is 502, dns-failed 502, dns-timeout 504', async () => {
    await using dns = await startDnsServer({
      records: {
        'none.allowed.test': 'nxdomain',
        'sick.allowed.test': 'servfail',
        'mute.allowed.test': 'silence',
      },
    });
    await using proxy = await startProxy({ dns: dns.address, addHosts: [], limits: { dnsTimeoutMs: 300 } });
    const ask = async (name: string) => {
      const answer = await RawClient.exchange(
        proxy.port,
        `CONNECT ${name}.allowed.test:443 HTTP/1.1\r\n\r\n`,
      );
      return [statusOf(answer), denialOf(answer)];
    };
    expect(await ask('none')).toEqual([502, 'name-not-found']);
    expect(await ask('sick')).toEqual([502, 'dns-failed']);
    expect(await ask('mute')).toEqual([504, 'dns-timeout']);
  });
});

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
