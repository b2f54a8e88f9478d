import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { startTcpOrigin } from '../support/origin.js';
import { startProxy } from '../support/proxy.js';

const CONNECTIONS = 40;

const ways = {
  tunnels: (authority: string) => `CONNECT ${authority} HTTP/1.1\r\n\r\n`,
  requests: (authority: string) => `GET http://${authority}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
  "requests that Node's HTTP serves": (authority: string) =>
    `GET http://${authority}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
};

/** How many of so many connections to an origin that never stops are cut for what nobody reads. */
async function cut(way: keyof typeof ways, limits: { bufferedBytes?: number }): Promise<number> {
  await using cleanup = new Cleanup();
  const block = Buffer.alloc(65_536);
  const origin = cleanup.use(
    await startTcpOrigin((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', more).on('error', () => {});
      if (way === 'tunnels') more();
      else
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n');
          more();
        });
    }),
  );
  const authority = `allowed.test:${origin.port}`;
  const nodeHttp = way === "requests that Node's HTTP serves";
  const proxy = cleanup.use(await startProxy({ allow: [authority], checkTunnels: false, limits, nodeHttp }));
  const sockets: Socket[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {});
    sockets.push(socket);
    cleanup.add(() => socket.destroy());
    socket.write(ways[way](authority));
    await proxy.decided(({ decision, connection }) => decision === 'allow' && connection === i + 1);
  }
  const ended = () =>
    proxy.events.filter((event) => event.type === 'closed' && event.reason === 'too-much-buffered').length;
  if (limits.bufferedBytes === undefined) await new Promise((resolve) => setTimeout(resolve, 2_500));
  else await expect.poll(ended).toBeGreaterThan(0);
  return ended();
}

it.each(Object.keys(ways) as (keyof typeof ways)[])(
  'what is buffered for %s of a job has a limit: those that hold most of it are cut',
  async (way) => {
    expect(await cut(way, { bufferedBytes: 1 << 20 })).toBeLessThan(CONNECTIONS);
    expect(await cut(way, {})).toBe(0);
  },
);
