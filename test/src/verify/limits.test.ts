import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { limitChecks, tooMany } from '../../../src/verify/checks/limits.js';
import { connections } from '../../../src/verify/inside/attempts/connections.js';
import type { Result } from '../../../src/verify/inside/plan.js';
import { type ConnectionLimits, Marks, type World } from '../../../src/verify/world.js';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const TOO_MANY = 'HTTP/1.1 429 Too Many Requests\r\n\r\n';

/** @param serve what a server does with its nth connection once it was asked */
async function opened(
  serve: (socket: Socket, nth: number) => void,
  more: { most: number; hold?: { perSecond: number } },
) {
  let nth = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    const mine = ++nth;
    socket.once('data', () => serve(socket, mine));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const to = { host: '127.0.0.1', port, say: 'GET http://192.0.2.1/ HTTP/1.1\r\n\r\n' };
  try {
    return await connections(
      { do: 'connections', mark: 'm', ...to, ...more },
      // Those that are answered end sooner; a busy machine answers late.
      { token: 'word', waitMs: 4_000 },
    );
  } finally {
    server.close();
  }
}

describe('connections that are opened as fast as they can be', () => {
  it('are counted where they are let in, whatever the answer is', async () => {
    const found = await opened(
      (socket, nth) => socket.write(nth % 2 === 0 ? OK : 'HTTP/1.1 403 No\r\n\r\n'),
      {
        most: 50,
      },
    );
    expect(found).toMatchObject({ outcome: 'answered', opened: 50, served: 50 });
    expect(found.ms).toBeGreaterThan(0);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['refused', (socket) => socket.end(TOO_MANY)],
    ['unavailable', (socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n')],
    ['closed', (socket) => socket.end()],
    ['reset', (socket) => socket.resetAndDestroy()],
    ['left without an answer', () => {}],
    ['answered by something else', (socket) => socket.end('SSH-2.0-server\r\n')],
  ])('are not where they are %s', async (_, refuse) => {
    const found = await opened((socket, nth) => (nth <= 20 ? socket.write(OK) : refuse(socket)), {
      most: 30,
    });
    expect(found).toMatchObject({ outcome: 'refused', opened: 30, served: 20 });
  });
});

it('connections tell nothing where the job has no descriptors for them', async () => {
  const program = `
    import { connections } from './src/verify/inside/attempts/connections.ts';
    import { createServer } from 'node:net';
    const server = createServer().listen(0, '127.0.0.1', async () => {
      const { port } = server.address();
      const attempt = { do: 'connections', mark: 'm', host: '127.0.0.1', port, say: 'GET', most: 200 };
      console.log(JSON.stringify(await connections(attempt, { token: 'word', waitMs: 100 })));
      process.exit();
    });`;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -n 100 && exec "$@"', 'sh', ...node]);
  expect(JSON.parse(stdout)).toMatchObject({ outcome: 'error', detail: 'EMFILE' });
});

describe('connections that are held', () => {
  const hold = { perSecond: 1000 };

  it('are counted together, those that are refused left out', async () => {
    const serve = (socket: Socket, nth: number) => (nth <= 20 ? socket.write(OK) : socket.end(TOO_MANY));
    expect(await opened(serve, { most: 30, hold })).toMatchObject({ outcome: 'refused', served: 20 });
    const all = await opened((socket) => socket.write(OK), { most: 30, hold });
    expect(all).toMatchObject({ outcome: 'answered', opened: 30, served: 30 });
  });

  it('are all opened, also where none is answered', async () => {
    const found = await opened(() => {}, { most: 600, hold: { perSecond: 6000 } });
    expect(found).toMatchObject({ outcome: 'refused', opened: 600, served: 0 });
  });

  it('tell nothing where the proxy closes each that it has answered', async () => {
    const found = await opened((socket) => socket.end(OK), { most: 10, hold: { perSecond: 50 } });
    expect(found).toMatchObject({ outcome: 'error' });
  });
});

describe('limits of connections', () => {
  const world = (limits: ConnectionLimits) =>
    ({
      marks: new Marks(),
      proxy: { host: '192.0.2.9', port: 1 },
      outside: { origin: '203.0.113.50' },
      limits,
    }) as World;
  const titles = (limits: ConnectionLimits) => limitChecks(world(limits)).map(({ title }) => title);

  it('are tried as far as they are low enough for a node that is in use', () => {
    expect(titles({ connections: 10_000, connectionsPerSecond: 1_000 })).toEqual([
      'new ones, at most 1000 per second',
    ]);
    expect(titles({ connections: 2_000, connectionsPerSecond: 1_000 })).toEqual([
      'open at once, at most 2000',
      'new ones, at most 1000 per second',
    ]);
    // Not within ten seconds.
    expect(titles({ connections: 2_000, connectionsPerSecond: 100 })).toHaveLength(1);
    expect(titles({ connections: 10_000, connectionsPerSecond: 1_000_000 })).toEqual([]);
  });

  it('are tried by more than they let in', () => {
    const [held, fast] = limitChecks(world({ connections: 100, connectionsPerSecond: 200 }));
    expect(held?.tries[0]?.attempt).toMatchObject({ most: 150, hold: { perSecond: 180 } });
    expect(fast?.tries[0]?.attempt).toMatchObject({ most: 800 });
  });

  it('leak where more are open at once', () => {
    const [held] = limitChecks(world({ connections: 100, connectionsPerSecond: 200 }));
    const result = (served: number): Result => ({ mark: '', outcome: 'refused', detail: '', ms: 1, served });
    expect(held?.leak?.(result(100))).toBeUndefined();
    expect(held?.leak?.(result(101))).toBe('101 were');
  });

  it.each([
    // A second's worth at once, and as many per second.
    [3_000, 2_000, undefined],
    [3_299, 2_000, undefined],
    [3_301, 2_000, '3301 of 4000 were let in, within 2.0 s'],
    [1_101, 0, '1101 of 4000 were let in, within 0.0 s'],
  ])('of 1000 per second, and %i let in within %i ms', (served, ms, said) => {
    const result = { outcome: 'refused', opened: 4_000, served, ms } as const;
    expect(tooMany(result, { connectionsPerSecond: 1_000 })).toBe(said);
  });
});
