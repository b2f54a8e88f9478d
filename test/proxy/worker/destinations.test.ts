import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';
import { Workers } from '../../../proxy/worker/workers.js';
import { Cleanup } from '../../support/cleanup.js';
import { pidListeningOn } from '../../support/listener.js';
import { startTcpOrigin } from '../../support/origin.js';
import { LOOPBACK } from '../../support/proxy.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

it('all jobs of a node together have so many connections to an address, in whichever workers they are', async () => {
  const sockets = new Set<Socket>();
  const origin = cleanup.use(
    await startTcpOrigin((socket) => {
      sockets.add(socket);
      socket.pipe(socket);
      socket.once('close', () => sockets.delete(socket));
    }),
  );
  const workers = new Workers({ count: 2 });
  const operator = {
    ...DEFAULT_OPERATOR_POLICY,
    allowAddresses: LOOPBACK,
    addHosts: [['allowed.test', '127.0.0.1']] as const,
    dns: '127.0.0.1:1',
    checkTunnels: false,
    limits: { ...DEFAULT_OPERATOR_POLICY.limits, destinationConnections: 24 },
  };
  const reasons: string[] = [];
  const open = async (job: string) => {
    const policy = { job: { job, allow: [`allowed.test:${origin.port}`], rate: null }, operator };
    const onEvent = (event: { type: string; reason?: string }) => {
      if (event.type === 'decision') reasons.push(event.reason ?? '');
    };
    const proxy = cleanup.use(workers.createProxy(policy, { onEvent }));
    return (await proxy.listen({ host: '127.0.0.1', port: 0, clients: LOOPBACK })).port;
  };
  const [one, other] = [await open('one'), await open('other')];
  expect(pidListeningOn(one)).not.toBe(pidListeningOn(other));

  const ask = (port: number) =>
    new Promise<{ status: string; socket: Socket }>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      cleanup.add(() => socket.destroy());
      socket.on('error', () => {});
      socket.once('data', (data) => resolve({ status: String(data).slice(9, 12), socket }));
      socket.write(`CONNECT allowed.test:${origin.port} HTTP/1.1\r\n\r\n`);
    });
  const tunnels = async (port: number, count: number) => {
    const answers = await Promise.all(Array.from({ length: count }, () => ask(port)));
    return answers.filter(({ status }) => status === '200').map(({ socket }) => socket);
  };

  const ofOne = await tunnels(one, 40);
  expect(ofOne).toHaveLength(18);
  const ofOther = await tunnels(other, 40);
  expect(ofOther).toHaveLength(4);
  // The kernel has taken them; the origin may be yet to hear of it.
  await expect.poll(() => sockets.size).toBe(22);
  expect(new Set(reasons)).toEqual(new Set(['allowed', 'destination-busy']));
  expect((await ask(other)).status).toBe('429');

  for (const socket of ofOne) socket.destroy();
  await expect.poll(async () => (await ask(other)).status).toBe('200');
});
