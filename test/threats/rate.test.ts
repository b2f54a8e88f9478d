import type net from 'node:net';
import { describe, expect, test } from 'vitest';
import { helloFor } from '../support/client-hello.js';
import { startTcpOrigin } from '../support/origin.js';
import { startProxy, type TestProxy } from '../support/proxy.js';
import { RawClient, statusOf } from '../support/raw-client.js';

/** 500,000 byte/s. */
const RATE = 4_000_000;
const BURST = 49_152;
const EACH = 10;
const MS = 1_500;

/** An origin that sends more than the rate lets through to whoever asks for `/flood` or speaks TLS, answers `/small`, and
 * counts what it gets. */
async function startFlood() {
  let received = 0;
  const chunk = Buffer.alloc(65_536, 'x');
  const flood = (socket: net.Socket) => {
    let left = 16;
    const more = () => {
      while (left-- > 0 && !socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
  };
  const origin = await startTcpOrigin((socket) => {
    socket.on('data', (bytes) => {
      received += bytes.length;
    });
    socket.once('data', (bytes) => {
      const text = bytes.toString('latin1');
      if (text.includes(' /small ')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall');
      else if (text.startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\n\r\n', () => flood(socket));
      else if (bytes[0] === 22) flood(socket);
    });
  });
  return Object.assign(origin, { received: () => received });
}

const KINDS = ['tunnels', 'requests', 'requests in tunnels'] as const;

/** A connection of each kind, many times: they get bytes without end, or send them. */
async function open(proxy: TestProxy, port: number, upload: boolean): Promise<RawClient[]> {
  const host = `allowed.test:${port}`;
  const method = upload ? 'POST' : 'GET';
  const body = upload ? 'Content-Length: 1000000000\r\n' : '';
  const clients: RawClient[] = [];
  for (let i = 0; i < EACH * KINDS.length; i++) {
    const kind = KINDS[i % KINDS.length];
    const client = await RawClient.connect(proxy.port);
    clients.push(client);
    if (kind !== 'requests') await client.connectTo(host);
    if (kind === 'tunnels') client.send(helloFor('allowed.test'));
    else {
      const target = kind === 'requests' ? `http://${host}/flood` : '/flood';
      client.send(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${body}\r\n`);
    }
  }
  return clients;
}

/** At the job's rate, in so many ms. */
const most = (ms: number) => (RATE / 8) * (ms / 1000) + BURST;

describe('many connections of a job get its rate once, whatever they carry', () => {
  test('down, and a small request is not starved', async () => {
    await using origin = await startFlood();
    await using proxy = await startProxy({
      allow: [`allowed.test:${origin.port}`],
      rate: RATE,
      burst: BURST,
    });
    const began = performance.now();
    const clients = await open(proxy, origin.port, false);
    const sum = () => clients.reduce((all, { socket }) => all + socket.bytesRead, 0);
    await expect.poll(sum).toBeGreaterThan(0.5 * most(MS));
    await using small = await RawClient.connect(proxy.port);
    small.send(`GET http://allowed.test:${origin.port}/small HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(statusOf(await small.until('small'))).toBe(200);
    const got = clients.map((client) => client.socket.bytesRead);
    const ms = performance.now() - began;
    const all = got.reduce((sum, bytes) => sum + bytes, 0);
    expect(all).toBeLessThan(1.05 * most(ms));
    // Each kind got its part of it.
    for (const [k] of KINDS.entries()) {
      const part = got.filter((_, i) => i % KINDS.length === k).reduce((sum, bytes) => sum + bytes, 0);
      expect(part).toBeGreaterThan(all / 10);
    }
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  test('up', async () => {
    await using origin = await startFlood();
    await using proxy = await startProxy({
      allow: [`allowed.test:${origin.port}`],
      rate: RATE,
      burst: BURST,
    });
    const began = performance.now();
    const clients = await open(proxy, origin.port, true);
    for (const client of clients) client.send(Buffer.alloc(2_000_000, 'x'));
    await expect.poll(() => origin.received()).toBeGreaterThan(0.5 * most(MS));
    const received = origin.received();
    expect(received).toBeLessThan(1.05 * most(performance.now() - began));
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  test('without a limit the same connections get far more', async () => {
    await using origin = await startFlood();
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    const clients = await open(proxy, origin.port, false);
    await expect
      .poll(() => clients.reduce((sum, { socket }) => sum + socket.bytesRead, 0), { interval: 1 })
      .toBeGreaterThan(5 * most(MS));
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });
});
