import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { helloFor } from '../support/client-hello.js';
import { startEchoOrigin, startTcpOrigin } from '../support/origin.js';
import { startProxy, type TestProxy } from '../support/proxy.js';
import { denialOf, RawClient, statusOf } from '../support/raw-client.js';

/** Another job of the same process, asked while the first misbehaves. */
async function expectServed(proxy: TestProxy, port: number): Promise<void> {
  const answer = await RawClient.exchange(
    proxy.port,
    `GET http://allowed.test:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  expect(statusOf(answer)).toBe(200);
}

describe('while a job misbehaves, another goes on', () => {
  test('a flood of connections past the limit', async () => {
    await using origin = await startEchoOrigin();
    await using other = await startProxy();
    await using proxy = await startProxy({ limits: { connections: 50, connectionsPerSecond: 100 } });
    const clients: RawClient[] = [];
    for (let round = 0; round < 10; round++) {
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(proxy.port)))));
      await expectServed(other, origin.port);
    }
    expect(proxy.proxy.figures().connections).toBeLessThanOrEqual(50);
    expect(new Set(proxy.denials)).toEqual(new Set(['too-many-connections', 'connection-rate']));
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  test('heads that never end, one byte at a time', async () => {
    await using origin = await startEchoOrigin();
    await using other = await startProxy();
    await using proxy = await startProxy({ limits: { headerTimeoutMs: 150 } });
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(proxy.port)));
    for (const client of clients) client.send('GET http://allowed.test/ HTTP/1.1\r\nX: ');
    const drip = setInterval(() => {
      for (const client of clients) client.send('x');
    }, 20);
    await expectServed(other, origin.port);
    await Promise.all(clients.map((client) => client.untilEnd()));
    clearInterval(drip);
    expect(clients.map((client) => denialOf(client.text))).toEqual(Array(50).fill('header-timeout'));
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  });

  test('tunnels that say nothing', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({
      allow: ['allowed.test', `allowed.test:${origin.port}`],
      limits: { helloTimeoutMs: 200 },
    });
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(proxy.port)));
    await Promise.all(clients.map((client) => client.connectTo(`allowed.test:${origin.port}`)));
    await expectServed(proxy, origin.port);
    await Promise.all(clients.map((client) => client.untilEnd()));
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    await expect.poll(() => [proxy.proxy.figures().tunnels, origin.sockets.size <= 1]).toEqual([0, true]);
  });

  test('a writer that never stops, towards an origin that does not read', async () => {
    await using deaf = await startTcpOrigin((socket) => void socket.pause());
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ allow: ['allowed.test', `allowed.test:${deaf.port}`] });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${deaf.port}`, helloFor('allowed.test'));
    const chunk = Buffer.alloc(1_000_000, 'x');
    for (let i = 0; i < 40; i++) client.send(chunk);
    let before = -1;
    await expect
      .poll(
        () => {
          const { up } = proxy.proxy.figures();
          const same = up === before;
          before = up;
          return same;
        },
        { interval: 200 },
      )
      .toBe(true);
    expect(before).toBeLessThan(20_000_000);
    await expectServed(proxy, origin.port);
  });

  test('a thousand pipelined requests on one connection, and a reader that never reads', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ limits: { requests: 20 } });
    await using client = await RawClient.connect(proxy.port);
    client.socket.pause();
    client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1_000));
    await expect.poll(() => proxy.proxy.figures().allowed).toBeGreaterThan(0);
    await using other = await startProxy();
    await expectServed(other, origin.port);
    expect(origin.accepted).toBeLessThanOrEqual(21);
    client.socket.resume();
    await expect.poll(() => client.text.match(/HTTP\/1\.1 \d+/g)?.length).toBe(1_000);
    const kinds = new Set(client.text.match(/HTTP\/1\.1 \d+/g));
    expect([...kinds].every((kind) => kind === 'HTTP/1.1 200' || kind === 'HTTP/1.1 429')).toBe(true);
  });
});

describe('when the process has no file descriptors left', () => {
  /** A proxy in a process of its own, with few descriptors, that reaches one port of this one. */
  async function startPoor(originPort: number): Promise<{ child: ChildProcess; port: number }> {
    const file = fileURLToPath(new URL('../support/proxy-process.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', file, String(originPort)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      // Only now: Node 22 and 24 have more files than that open at once while they load modules.
      execFileSync('prlimit', ['--pid', String(child.pid), '--nofile=100']);
      return { child, port: Number(line) };
    }
    throw new Error('the process ended');
  }

  test('it survives, and serves again once there are some', async () => {
    await using origin = await startEchoOrigin();
    const { child, port } = await startPoor(origin.port);
    try {
      const get = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      expect(statusOf(await RawClient.exchange(port, get))).toBe(200);
      const hoard = await Promise.allSettled(Array.from({ length: 150 }, () => RawClient.connect(port)));
      const clients = hoard.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      for (const client of clients)
        client.send(`GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
      await expect.poll(() => clients.some((client) => client.text !== '' || client.closed)).toBe(true);
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
      await expect.poll(async () => statusOf(await RawClient.exchange(port, get).catch(() => ''))).toBe(200);
      expect(child.exitCode).toBeNull();
    } finally {
      child.kill();
    }
  });
});
