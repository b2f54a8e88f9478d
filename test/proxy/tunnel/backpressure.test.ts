import type net from 'node:net';
import { describe, expect, test } from 'vitest';
import { helloFor } from '../../support/client-hello.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

describe.each([
  ['without a limit', null],
  ['with a limit', 2_000_000_000],
])('backpressure %s', (_, rate) => {
  test('a job that does not read stops the origin, and gets everything once it reads', async () => {
    // More than the kernel's buffers on the way can come to hold, 32 MiB for each that receives.
    const size = 100_000_000;
    let sent = 0;
    await using origin = await startTcpOrigin((socket) => {
      const chunk = Buffer.alloc(100_000, 'x');
      const more = () => {
        while (sent < size) {
          sent += chunk.length;
          if (!socket.write(chunk)) return;
        }
        socket.end();
      };
      socket.once('data', more);
      socket.on('drain', more);
    });
    await using proxy = await startProxy({ rate, allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(`allowed.test:${origin.port}`);
    client.socket.pause();
    client.send(helloFor('allowed.test'));
    let before = -1;
    while (sent !== before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(sent).toBeLessThan(0.8 * size);
    client.socket.resume();
    await client.untilEnd();
    expect(client.bytes.length).toBe(size);
  });

  test('an origin that does not read stops the job, and gets everything once it reads', async () => {
    const size = 100_000_000;
    let got = 0;
    let socket: net.Socket | undefined;
    await using origin = await startTcpOrigin((one) => {
      socket = one.pause();
      one.on('data', (chunk) => {
        got += chunk.length;
      });
      one.pause();
    });
    await using proxy = await startProxy({ rate, allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    const hello = helloFor('allowed.test');
    await client.connectTo(`allowed.test:${origin.port}`, hello);
    for (let sent = 0; sent < size; sent += 1_000_000) client.send(Buffer.alloc(1_000_000, 'x'));
    let before = -1;
    let up = 0;
    while (up !== before) {
      before = up;
      await new Promise((resolve) => setTimeout(resolve, 150));
      ({ up } = proxy.proxy.figures());
    }
    expect(up).toBeLessThan(size * 0.7);
    socket?.resume();
    await expect.poll(() => got).toBe(size + hello.length);
  });
});
