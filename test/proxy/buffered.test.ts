import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { startTcpOrigin } from '../support/origin.js';
import { startProxy } from '../support/proxy.js';

const TUNNELS = 40;

/** How many of so many tunnels to an origin that never stops are cut for what nobody reads. */
async function cut(limits: { bufferedBytes?: number }): Promise<number> {
  await using cleanup = new Cleanup();
  const block = Buffer.alloc(65_536);
  const origin = cleanup.use(
    await startTcpOrigin((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', more).on('error', () => {});
      more();
    }),
  );
  const allow = [`allowed.test:${origin.port}`];
  const proxy = cleanup.use(await startProxy({ allow, checkTunnels: false, limits }));
  const sockets: Socket[] = [];
  for (let i = 0; i < TUNNELS; i++) {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    cleanup.add(() => socket.destroy());
    socket.write(`CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\n`);
    await proxy.decided(({ connection }) => connection === i + 1);
  }
  const ended = () =>
    proxy.events.filter((event) => event.type === 'closed' && event.reason === 'too-much-buffered').length;
  if (limits.bufferedBytes === undefined) await new Promise((resolve) => setTimeout(resolve, 2_500));
  else await expect.poll(ended).toBeGreaterThan(0);
  return ended();
}

it('what is buffered for a job has a limit: the connections that hold most of it are cut', async () => {
  expect(await cut({ bufferedBytes: 1 << 20 })).toBeLessThan(TUNNELS);
  expect(await cut({})).toBe(0);
});
