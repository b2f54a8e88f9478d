import { createHash } from 'node:crypto';
import http from 'node:http';
import type net from 'node:net';
import { ProxyAgent, WebSocket } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';
import { Cleanup } from '../../support/cleanup.js';
import { startProxy } from '../../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../../support/raw-client.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

/** An origin that takes WebSockets and sends each byte back; frames are between the clients and themselves. */
async function startEcho(
  onUpgrade: (request: http.IncomingMessage, socket: net.Socket) => void = accept,
): Promise<{ port: number; heads: http.IncomingMessage[]; sockets: net.Socket[]; release: () => void }> {
  const heads: http.IncomingMessage[] = [];
  const sockets: net.Socket[] = [];
  let release = () => {};
  const server = http.createServer(({ url }, response) => {
    if (url === '/held') release = () => response.end('held');
    else response.end('plain');
  });
  server.on('upgrade', (request, socket) => {
    heads.push(request);
    sockets.push(socket as net.Socket);
    socket.on('error', () => {});
    onUpgrade(request, socket as net.Socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.add(() => new Promise((resolve) => server.close(resolve)));
  cleanup.add(() => server.closeAllConnections());
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as net.AddressInfo).port, heads, sockets, release: () => release() };
}

function accept({ headers }: http.IncomingMessage, socket: net.Socket): void {
  // RFC 6455 section 4.2.2.
  const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accepted = createHash('sha1').update(key).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'];
  lines.push(`Sec-WebSocket-Accept: ${accepted}`, 'X-Jobgate-Deny: forged', '', '');
  socket.write(lines.join('\r\n'));
  socket.on('data', (chunk: Buffer) => socket.write(unmasked(chunk)));
}

/** A short masked frame as the server sends it back: without its mask (RFC 6455 section 5.2). */
function unmasked(frame: Buffer): Buffer {
  const length = (frame[1] ?? 0) & 0x7f;
  const mask = frame.subarray(2, 6);
  const payload = frame.subarray(6, 6 + length).map((byte, i) => byte ^ (mask[i % 4] as number));
  return Buffer.concat([Buffer.from([frame[0] ?? 0, length]), payload]);
}

const handshake = (target: string, host: string, more = '') =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n` +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

const FRAME = Buffer.from([0x81, 0x82, 1, 2, 3, 4, 0x68 ^ 1, 0x69 ^ 2]);
const ECHO = '\x81\x02hi';

describe('a WebSocket over plain HTTP', () => {
  for (const rate of [null, 10_000_000]) {
    for (const inside of [false, true]) {
      for (const scheme of inside ? ['http'] : ['http', 'ws'])
        test(`${inside ? 'inside CONNECT' : `as ${scheme}://`}, ${rate ? 'limited' : 'unlimited'}: bytes both ways, stamped and recorded`, async () => {
          const origin = await startEcho();
          const authority = `allowed.test:${origin.port}`;
          await using proxy = await startProxy({ rate, allow: [authority] });
          await using client = await RawClient.connect(proxy.port);
          if (inside) await client.connectTo(authority);
          const before = client.text.length;
          client.send(
            handshake(
              inside ? '/chat' : `${scheme}://${authority}/chat`,
              authority,
              'X-Bacalhau-Job-ID: forged\r\n',
            ),
          );
          await expect.poll(() => client.text.slice(before)).toContain('\r\n\r\n');
          expect(statusOf(client.text.slice(before))).toBe(101);
          expect(client.text.slice(before)).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
          expect(client.text).not.toContain('forged');
          for (let i = 1; i <= 3; i++) {
            client.send(FRAME);
            await expect.poll(() => client.text).toContain(ECHO.repeat(i));
          }
          const [head] = origin.heads;
          expect(head).toMatchObject({ url: '/chat', headers: { host: authority, upgrade: 'websocket' } });
          expect(head?.headers['x-bacalhau-job-id']).not.toBe('forged');
          expect(proxy.proxy.figures().tunnels).toBe(inside ? 2 : 1);
          client.socket.end();
          await client.untilEnd();
          await expect.poll(() => proxy.proxy.figures().tunnels).toBe(0);
          await expect.poll(() => origin.sockets[0]?.readableEnded).toBe(true);
        });
    }
  }

  test("works for a real client that tunnels them (undici's, as Node's own)", async () => {
    const origin = await startEcho();
    const authority = `allowed.test:${origin.port}`;
    await using proxy = await startProxy({ allow: [authority] });
    const dispatcher = new ProxyAgent({ uri: `http://127.0.0.1:${proxy.port}`, proxyTunnel: true });
    cleanup.add(() => dispatcher.close());
    const socket = new WebSocket(`ws://${authority}/`, { dispatcher });
    const said = await new Promise((resolve, reject) => {
      socket.onopen = () => socket.send('hello');
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = (event) => reject(event.error ?? new Error('failed'));
    });
    expect(said).toBe('hello');
    socket.close();
  });

  test('is judged like a request', async () => {
    await using proxy = await startProxy();
    for (const [target, reason] of [
      ['http://denied.test:8080/', 'domain-not-allowed'],
      ['http://allowed.test:22/', 'port-not-allowed'],
    ] as const) {
      const answer = await RawClient.exchange(proxy.port, handshake(target, 'x', 'Connection: close\r\n'));
      expect([statusOf(answer), denialOf(answer)]).toEqual([403, reason]);
    }
  });

  test('with a body, another method or version, or not named in Connection is none', async () => {
    const origin = await startEcho();
    const url = `http://allowed.test:${origin.port}/`;
    await using proxy = await startProxy();
    for (const request of [
      handshake(url, 'x', 'Content-Length: 2\r\n').concat('hi'),
      handshake(url, 'x').replace('GET', 'POST'),
      handshake(url, 'x').replace('HTTP/1.1', 'HTTP/1.0'),
      handshake(url, 'x').replace('keep-alive, Upgrade', 'close'),
    ]) {
      await using client = await RawClient.connect(proxy.port);
      client.send(request);
      const answer = await client.until('\r\n\r\n');
      expect([statusOf(answer), denialOf(answer)]).toEqual([403, 'unsupported-upgrade']);
    }
    expect(origin.heads).toEqual([]);
  });

  test('that the origin does not take is an answer like any other, and the connection goes on', async () => {
    const server = http.createServer((request, response) => {
      response.setHeader('X-Jobgate-Deny', 'forged');
      response.end(request.url);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanup.add(() => new Promise((resolve) => server.close(resolve)));
    cleanup.add(() => server.closeAllConnections());
    const { port } = server.address() as net.AddressInfo;
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    for (const path of ['/first', '/second']) {
      client.send(handshake(`http://allowed.test:${port}${path}`, 'x'));
      await client.until(`\r\n\r\n${path}`);
    }
    expect(client.text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(client.text).not.toContain('forged');
  });

  test('a request pipelined behind it is none', async () => {
    const origin = await startEcho();
    const url = `http://allowed.test:${origin.port}/`;
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(`${handshake(url, 'x')}GET ${url}behind HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.until('101');
    client.send(FRAME);
    await client.until(ECHO);
    expect(client.text).not.toContain('200');
    expect(proxy.decisions).toHaveLength(1);
  });

  test('behind a request that has no answer yet is a malformed request', async () => {
    const origin = await startEcho();
    const url = `http://allowed.test:${origin.port}/`;
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(`GET ${url}held HTTP/1.1\r\nHost: x\r\n\r\n${handshake(url, 'x')}`);
    await proxy.decided(({ reason }) => reason === 'malformed-request');
    origin.release();
    await client.untilEnd();
    const [first = '', second = ''] = client.text.split(/(?=HTTP\/1\.1 \d)/);
    expect([statusOf(first), statusOf(second), denialOf(second)]).toEqual([200, 400, 'malformed-request']);
    await expect.poll(() => origin.sockets[0]?.readableEnded).toBe(true);
  });

  test('what the origin sends together with its yes arrives', async () => {
    const origin = await startEcho((_, socket) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst frame',
      );
    });
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(handshake(`http://allowed.test:${origin.port}/`, 'x'));
    await client.until('\r\n\r\nfirst frame');
  });

  test('is over when its client ends, although its origin goes on, and is told with its bytes', async () => {
    const origin = await startEcho();
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    const asked = handshake(`http://allowed.test:${origin.port}/`, 'x');
    client.send(asked);
    await client.until('\r\n\r\n');
    client.send(FRAME);
    await client.until(ECHO);
    client.socket.end();
    await client.untilEnd();
    expect(await proxy.closed()).toMatchObject({
      reason: 'end',
      up: asked.length + FRAME.length,
      down: client.bytes.length,
    });
  });

  test('that the origin resets is told as that', async () => {
    const origin = await startEcho();
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(handshake(`http://allowed.test:${origin.port}/`, 'x'));
    await client.until('\r\n\r\n');
    origin.sockets[0]?.resetAndDestroy();
    await client.untilEnd();
    expect(await proxy.closed()).toMatchObject({ reason: 'origin-reset' });
  });

  test('ends when its host comes to be denied', async () => {
    const origin = await startEcho();
    const authority = `allowed.test:${origin.port}`;
    await using proxy = await startProxy();
    await using client = await RawClient.connect(proxy.port);
    client.send(handshake(`http://${authority}/`, authority));
    await client.until('\r\n\r\n');
    proxy.proxy.setDenied(['allowed.test']);
    await client.untilEnd();
    await expect.poll(() => origin.sockets[0]?.readableEnded).toBe(true);
  });
});
