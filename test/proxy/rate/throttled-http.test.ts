import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { JobLimiter } from '../../../proxy/rate/job-limiter.js';
import { listen, pattern } from './sockets.js';

describe('a throttled socket behind an HTTP server', () => {
  async function ask(
    port: number,
    options: http.RequestOptions,
    body?: Buffer,
  ): Promise<{ status: number | undefined; body: Buffer; socket: net.Socket }> {
    const request = http.request({ host: '127.0.0.1', port, ...options });
    request.end(body);
    const socket = await new Promise<net.Socket>((resolve) => request.on('socket', resolve));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode, body: Buffer.concat(chunks), socket };
  }

  test('requests with bodies, and keep-alive work; heads and bodies are charged once', async () => {
    const server = http.createServer((request, response) => {
      request.pipe(response);
    });
    const limiter = new JobLimiter({ rate: 800_000_000 });
    await using front = await listen(limiter, (throttled) => server.emit('connection', throttled));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const body = pattern(1_000_003, 5);
    const sockets = new Set<net.Socket>();
    for (let i = 0; i < 5; i++) {
      const answer = await ask(front.port, { method: 'POST', agent, path: `/${i}` }, body);
      expect(answer.body.equals(body)).toBe(true);
      sockets.add(answer.socket);
    }
    const [socket] = sockets;
    expect(sockets.size).toBe(1);
    expect(limiter.bytes).toEqual({ up: socket?.bytesWritten, down: socket?.bytesRead });
    agent.destroy();
  });

  test('CONNECT gives the stream, early bytes can be put back, and another server can take it on', async () => {
    const inner = http.createServer((request, response) => response.end(`inner ${request.url}`));
    const outer = http.createServer();
    outer.on('connect', (_request: http.IncomingMessage, throttled: Duplex, head: Buffer) => {
      throttled.write('HTTP/1.1 200 OK\r\n\r\n');
      if (head.length > 0) throttled.unshift(head);
      inner.emit('connection', throttled);
    });
    await using front = await listen(new JobLimiter({ rate: 10_000_000 }), (throttled) =>
      outer.emit('connection', throttled),
    );
    for (const early of [true, false]) {
      const request = http.request({
        host: '127.0.0.1',
        port: front.port,
        method: 'CONNECT',
        path: 'a.test:80',
      });
      const get = 'GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';
      request.on('socket', (socket) => {
        if (early) socket.once('connect', () => setImmediate(() => socket.write(get)));
      });
      request.end();
      const [, socket, head] = (await once(request, 'connect')) as [unknown, net.Socket, Buffer];
      if (!early) socket.write(get);
      let text = String(head);
      for await (const chunk of socket) text += String(chunk);
      expect(text).toContain('inner /x');
    }
  });

  test('keep-alive and header time limits of the server work', async () => {
    const server = http.createServer((_request, response) => response.end('ok'));
    server.keepAliveTimeout = 30;
    await using front = await listen(new JobLimiter({ rate: 10_000_000 }), (throttled) =>
      server.emit('connection', throttled),
    );
    const agent = new http.Agent({ keepAlive: true });
    const { socket } = await ask(front.port, { agent });
    if (!socket.closed) await once(socket, 'close');
    agent.destroy();
  });
});
