import type net from 'node:net';
import { describe, expect, test } from 'vitest';
import { helloFor, helloMessage, realClientHello, records, serverNames } from '../../support/client-hello.js';
import { startEchoOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy, type TestProxyOptions } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

const startMirror = (host?: string) => startTcpOrigin((socket) => void socket.pipe(socket), host);

describe('the first bytes of a tunnel', () => {
  /** Opens a tunnel to a mirror, sends, and gives the reason of the denial, or `passed` once all came back. */
  async function verdict(
    bytes: Buffer,
    { host = 'allowed.test', pieces = bytes.length, checkTunnels = true } = {},
  ) {
    let seen = 0;
    await using origin = await startTcpOrigin((socket) => {
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        socket.write(chunk);
      });
    });
    await using proxy = await startProxy({ allow: [`${host}:${origin.port}`], checkTunnels });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`${host}:${origin.port}`);
    await client.sendPieces(bytes, pieces);
    if ((await client.untilBytes(bytes.length)).equals(bytes)) return 'passed';
    await client.untilEnd();
    expect([client.text, seen]).toEqual(['', 0]);
    const closed = await proxy.closed();
    expect(closed.reason).toBe(proxy.denials[0]);
    return proxy.denials;
  }

  test('TLS for the host passes', async () => {
    expect(await verdict(await realClientHello('allowed.test'))).toBe('passed');
    expect(await verdict(helloFor('ALLOWED.test'))).toBe('passed');
  });

  test('TLS in segments of one byte and records of one byte passes', async () => {
    const message = helloMessage({ serverName: serverNames([0, 'allowed.test']) });
    expect(await verdict(await realClientHello('allowed.test'), { pieces: 1 })).toBe('passed');
    expect(await verdict(records(message, 1), { pieces: 7 })).toBe('passed');
  });

  test('TLS for another host (fronting) is closed, in any number of pieces', async () => {
    expect(await verdict(await realClientHello('other.test'))).toEqual(['tls-other-name']);
    expect(await verdict(await realClientHello('other.test'), { pieces: 3 })).toEqual(['tls-other-name']);
    for (const name of [
      'www.allowed.test',
      'allowed.test\0.other.test',
      'allowed.test:443',
      '127.0.0.1',
      'xn--',
    ]) {
      expect(await verdict(helloFor(name))).toEqual(['tls-other-name']);
    }
  });

  test('what was wrong with a ClientHello is in the log, and the name that was in it', async () => {
    await using origin = await startTcpOrigin(() => {});
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const broken = helloFor('allowed.test');
    broken[5] = 2;
    for (const [hello, detail] of [
      [helloFor('other.test'), 'it names other.test'],
      [helloFor('allowed.test/other.test'), 'it names allowed.test/other.test'],
      [helloFor('other.test@allowed.test'), 'it names other.test@allowed.test'],
      [helloFor('allowed.test\0\x1b[31m'), 'it names allowed.test??[31m'],
      [helloFor('a'.repeat(2_000)), `it names ${'a'.repeat(253)}...`],
      [broken, expect.stringMatching(/^[ -~]+$/)],
    ] as const) {
      await using client = await RawClient.connect(proxy.port);
      await client.connectTo(`allowed.test:${origin.port}`);
      client.send(hello);
      await client.untilEnd();
      expect(client.text).toBe('');
      const { reason } = await proxy.decided(
        (event) => event.detail !== undefined && event.decision === 'deny',
      );
      expect(reason).toMatch(/^tls-/);
      expect(proxy.decisions.at(-1)?.detail).toEqual(detail);
    }
  });

  test('TLS without a name is closed for a host, and passes for an address', async () => {
    const nameless = await realClientHello();
    expect(await verdict(nameless)).toEqual(['tls-no-name']);
    expect(await verdict(nameless, { host: '127.0.0.1' })).toBe('passed');
    expect(await verdict(helloFor('allowed.test'), { host: '127.0.0.1' })).toEqual(['tls-other-name']);
  });

  test('TLS with two names is closed', async () => {
    const two = helloMessage({ serverName: serverNames([0, 'allowed.test'], [0, 'other.test']) });
    expect(await verdict(records(two, 1000))).toEqual(['tls-malformed']);
  });

  test('an endless ClientHello is closed', async () => {
    const endless = Buffer.concat(Array(20).fill(records(helloMessage({}).fill(0, 4), 1).subarray(0, 1_200)));
    expect(await verdict(endless)).toEqual(['tls-malformed']);
  });

  test.each([
    ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['SMTP', 'EHLO job\r\n'],
    ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n'],
    ['a request line with a control byte', 'GET /\x01 HTTP/1.1\r\n'],
    ['a method that is none', 'GETT / HTTP/1.1\r\n'],
    ['a method in lower case', 'get / HTTP/1.1\r\n'],
    ['an empty line', '\r\n'],
    ['bytes', '\x00\x01\x02'],
    ['SOCKS', '\x05\x01\x00'],
    ['TLS application data', '\x17\x03\x03\x00\x01\x00'],
  ])('%s is closed', async (_, text) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(await verdict(bytes)).toEqual(['tunnel-not-web']);
    expect(await verdict(bytes, { pieces: 1 })).toEqual(['tunnel-not-web']);
    // Nothing but the check stands in the way.
    expect(await verdict(bytes, { checkTunnels: false })).toBe('passed');
  });

  test('silence is closed after a time', async () => {
    await using origin = await startMirror();
    await using proxy = await startProxy({
      allow: [`allowed.test:${origin.port}`],
      limits: { helloTimeoutMs: 100 },
    });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${origin.port}`);
    await client.untilEnd();
    expect(proxy.denials).toEqual(['hello-timeout']);
  });

  test('nothing of the origin reaches the job before they are judged', async () => {
    await using origin = await startTcpOrigin((socket) => void socket.write('220 greeting\r\n'));
    await using proxy = await startProxy({
      allow: [`allowed.test:${origin.port}`],
      limits: { helloTimeoutMs: 100 },
    });
    const authority = `allowed.test:${origin.port}`;
    await using silent = await RawClient.connect(proxy.port);
    await silent.connectTo(authority);
    await silent.untilEnd();
    expect(silent.text).toBe('');
    await using speaking = await RawClient.connect(proxy.port);
    await speaking.connectTo(authority);
    speaking.send(helloFor('allowed.test'));
    await speaking.until('220 greeting\r\n');
  });
});

describe('HTTP inside a tunnel', () => {
  test('is served request by request, stamped and counted like any other', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], execution: 'e-1' });
    const authority = `allowed.test:${origin.port}`;
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(authority);
    for (const path of ['/1', '/2']) {
      client.send(`GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nX-Bacalhau-Job-ID: forged\r\n\r\n`);
      const answer = await client.until(`"url":"${path}"`);
      expect(answer).toContain('"X-Bacalhau-Job-ID","job-1"');
      expect(answer).not.toContain('forged');
    }
    expect(proxy.decisions.map(({ method, decision }) => [method, decision])).toEqual([
      ['CONNECT', 'allow'],
      ['GET', 'allow'],
      ['GET', 'allow'],
    ]);
  });

  test('in segments of one byte, and right behind the CONNECT', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const authority = `allowed.test:${origin.port}`;
    const request = `GET /x HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
    await using slow = await RawClient.connect(proxy.port);
    await slow.connectTo(authority);
    await slow.sendPieces(Buffer.from(request), 1);
    await slow.until('"url":"/x"');
    await using early = await RawClient.connect(proxy.port);
    await early.connectTo(authority, request);
    await early.until('"url":"/x"');
  });

  test.each([
    ['another Host', 'GET / HTTP/1.1\r\nHost: other.test\r\n\r\n', 421, 'other-authority'],
    ['the Host without the port', 'GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n', 421, 'other-authority'],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: AUTHORITY\r\nHost: other.test\r\n\r\n', 400, 'malformed-request'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'malformed-request'],
    ['no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 400, 'malformed-request'],
    [
      'an absolute form',
      'GET http://other.test/ HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n',
      400,
      'malformed-target',
    ],
    ['CONNECT', 'CONNECT other.test:443 HTTP/1.1\r\nHost: other.test\r\n\r\n', 400, 'connect-in-tunnel'],
    [
      'CONNECT to the same',
      'CONNECT AUTHORITY HTTP/1.1\r\nHost: AUTHORITY\r\n\r\n',
      400,
      'connect-in-tunnel',
    ],
    [
      'an upgrade to something else than a WebSocket',
      'GET / HTTP/1.1\r\nHost: AUTHORITY\r\nConnection: upgrade\r\nUpgrade: TLS/1.0\r\n\r\n',
      403,
      'unsupported-upgrade',
    ],
  ])('%s is refused, first or later', async (_, request, status, reason) => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const authority = `allowed.test:${origin.port}`;
    const hostile = request.replaceAll('AUTHORITY', authority);
    for (const before of ['', `GET /good HTTP/1.1\r\nHost: ${authority}\r\n\r\n`]) {
      await using client = await RawClient.connect(proxy.port);
      await client.connectTo(authority);
      if (before) {
        client.send(before);
        await client.until('"url":"/good"');
      }
      client.send(hostile);
      const answer = await client.until(`X-Jobgate-Deny: ${reason}\r\n`);
      expect(answer).toContain(`HTTP/1.1 ${status} `);
    }
    expect(proxy.denials).toEqual([reason, reason]);
  });

  test('its tunnel ends with it', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const authority = `allowed.test:${origin.port}`;
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(authority);
    client.send(`GET / HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`);
    await client.untilEnd();
    client.end();
    expect(await proxy.closed(({ kind }) => kind === 'tunnel')).toMatchObject({ reason: 'end' });
    expect(proxy.proxy.figures()).toMatchObject({ tunnels: 0, requests: 0, connections: 0 });
  });
});

describe('a tunnel ends', () => {
  async function open(
    handle: Parameters<typeof startTcpOrigin>[0],
    limits = {},
    rate: TestProxyOptions = {},
  ) {
    const origin = await startTcpOrigin(handle);
    const proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], limits, ...rate });
    const client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${origin.port}`);
    const hello = helloFor('allowed.test');
    client.send(hello);
    const disposeAll = async () => {
      await client[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    };
    return { origin, proxy, client, hello, [Symbol.asyncDispose]: disposeAll };
  }

  test("with the job's FIN passed on first, and the origin's answer after it", async () => {
    await using tunnel = await open((socket) => {
      let bytes = 0;
      socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      socket.on('end', () => socket.end(`got ${bytes}`));
    });
    tunnel.client.send('x'.repeat(100_000));
    tunnel.client.end();
    await tunnel.client.untilEnd();
    expect(tunnel.client.text).toBe(`got ${100_000 + tunnel.hello.length}`);
    expect(await tunnel.proxy.closed()).toMatchObject({ reason: 'end', up: 100_000 + tunnel.hello.length });
  });

  test("with all of a long answer, where the job's FIN came first and it reads late", async () => {
    const answer = Buffer.alloc(20_000_000, 'y');
    await using tunnel = await open((socket) => void socket.resume().on('end', () => socket.end(answer)));
    tunnel.client.socket.pause();
    tunnel.client.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    tunnel.client.socket.resume();
    await tunnel.client.untilEnd();
    expect(tunnel.client.bytes.length).toBe(answer.length);
    expect(await tunnel.proxy.closed()).toMatchObject({ reason: 'end', down: answer.length });
  });

  test("with the origin's FIN passed on first, and the job's bytes after it", async () => {
    let bytes = 0;
    let ended: () => void = () => {};
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    await using tunnel = await open((socket) => {
      socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      socket.once('data', () => socket.end('bye'));
      socket.on('end', ended);
    });
    await tunnel.client.untilEnd();
    expect(tunnel.client.text).toBe('bye');
    tunnel.client.send('x'.repeat(50_000));
    tunnel.client.end();
    await over;
    expect(bytes).toBe(50_000 + tunnel.hello.length);
    expect(await tunnel.proxy.closed()).toMatchObject({ reason: 'end', down: 3 });
  });

  test("with the origin's reset, as a reset", async () => {
    await using tunnel = await open((socket) => void socket.once('data', () => socket.resetAndDestroy()));
    await tunnel.client.untilEnd();
    expect(tunnel.client.error?.code).toBe('ECONNRESET');
    expect((await tunnel.proxy.closed()).reason).toBe('origin-reset');
  });

  test("with the job's reset, as a reset", async () => {
    let failed: (code: string | undefined) => void = () => {};
    const code = new Promise<string | undefined>((resolve) => {
      failed = resolve;
    });
    await using tunnel = await open((socket) => {
      socket.on('error', (error: NodeJS.ErrnoException) => failed(error.code));
      socket.write('ready');
      socket.resume();
    });
    await tunnel.client.until('ready');
    tunnel.client.reset();
    expect(await code).toBe('ECONNRESET');
    expect((await tunnel.proxy.closed()).reason).toBe('client-reset');
  });

  test.each(['the job', 'the origin'])('and not while bytes of %s come, without an answer', async (who) => {
    let said: net.Socket | undefined;
    await using tunnel = await open(
      (socket) => {
        said = socket.resume();
      },
      { tunnelIdleMs: 200 },
    );
    for (let i = 0; i < 10; i++) {
      if (who === 'the job') tunnel.client.send('x');
      else said?.write('x');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(tunnel.client.ended).toBe(false);
    await tunnel.client.untilEnd();
    expect((await tunnel.proxy.closed()).reason).toBe('idle');
  });

  test('after a time without a byte', async () => {
    await using tunnel = await open((socket) => void socket.pipe(socket), { tunnelIdleMs: 200 });
    const began = performance.now();
    // Bytes keep it open well over the time.
    for (let i = 0; i < 8; i++) {
      tunnel.client.send('x');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(tunnel.client.ended).toBe(false);
    await tunnel.client.untilEnd();
    expect(performance.now() - began).toBeGreaterThan(550);
    expect((await tunnel.proxy.closed()).reason).toBe('idle');
  });

  test('and not while its bytes wait for the limiter, however long that takes', async () => {
    // 2000 byte/s behind a burst of 4096: twice the time and more passes between some bytes.
    const answer = 'y'.repeat(6_000);
    await using tunnel = await open(
      (socket) => void socket.once('data', () => socket.end(answer)),
      { tunnelIdleMs: 200 },
      { rate: 16_000, burst: 4_096 },
    );
    await tunnel.client.untilEnd();
    tunnel.client.end();
    expect(await tunnel.proxy.closed()).toMatchObject({ reason: 'end', down: answer.length });
  });

  test.each([
    ['reset', 'origin-reset', (socket: net.Socket) => void socket.resetAndDestroy()],
    ['FIN', 'end', (socket: net.Socket) => void socket.end()],
  ])("with the origin's %s before the job has said anything", async (_, reason, leave) => {
    await using origin = await startTcpOrigin((socket) => void socket.resume());
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${origin.port}`);
    for (const socket of origin.sockets) leave(socket);
    client.send(helloFor('allowed.test'));
    await client.untilEnd();
    client.end();
    expect((await proxy.closed()).reason).toBe(reason);
  });
});
