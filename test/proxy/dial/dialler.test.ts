import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createDialler, type DialOptions } from '../../../proxy/dial/dialler.js';
import { type Authority, parseConnectTarget } from '../../../proxy/policy/authority.js';
import type { JudgedAddress } from '../../../proxy/policy/judged.js';
import { Cancellation } from '../../../proxy/util/cancellation.js';
import { closedPort, startSilentListener } from '../../support/silent-listener.js';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** As the address rule would have judged them. */
function judged(...addresses: string[]): JudgedAddress[] {
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }) as JudgedAddress);
}

function authority(port: number): Authority {
  const parsed = parseConnectTarget(`origin.test:${port}`);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

async function origin(
  host: string,
  port = 0,
  onSocket: (socket: Socket) => void = () => {},
): Promise<Server & { port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    cleanups.push(() => socket.destroy());
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  cleanups.push(() => new Promise((done) => server.close(done)));
  return Object.assign(server, { port: (server.address() as { port: number }).port });
}

/** A host on which connection attempts to `port` hang. */
async function silent(host: string, port = 0): Promise<number> {
  const listener = await startSilentListener(host, port);
  if (!listener) throw new Error('the kernel accepts connections without end');
  cleanups.push(() => listener.close());
  return listener.port;
}

async function dial(
  port: number,
  addresses: JudgedAddress[],
  options: DialOptions & { staggerMs?: number } = {},
) {
  const { staggerMs, ...rest } = options;
  const dialler = createDialler(staggerMs === undefined ? {} : { staggerMs });
  cleanups.push(() => dialler.close());
  const socket = await dialler.dial({ authority: authority(port), addresses }, rest);
  cleanups.push(() => socket.destroy());
  return socket;
}

async function timed<T>(work: Promise<T>): Promise<{ ms: number; result: PromiseSettledResult<T> }> {
  const start = performance.now();
  const [result] = await Promise.allSettled([work]);
  return { ms: performance.now() - start, result };
}

/** What a socket gives until its peer ends; unlike an async iterator it leaves the socket open. */
function allOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let all = '';
    socket.on('data', (chunk) => {
      all += chunk;
    });
    socket.on('end', () => resolve(all));
  });
}

/** Every address that this process tries to connect to, and the sockets of the attempts. */
function watchAttempts(): { addresses: string[]; sockets: Socket[] } {
  const seen = { addresses: [] as string[], sockets: [] as Socket[] };
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    seen.sockets.push(socket);
    socket.on('connectionAttempt', (address: string) => seen.addresses.push(address));
  };
  diagnostics.subscribe('net.client.socket', onSocket);
  cleanups.push(() => diagnostics.unsubscribe('net.client.socket', onSocket));
  return seen;
}

describe('judged addresses are raced with a stagger', () => {
  it('a silent address costs the stagger, and its attempt is destroyed', async () => {
    const port = await silent('127.0.0.2');
    await origin('127.0.0.1', port);
    const attempts = watchAttempts();
    const { ms, result } = await timed(dial(port, judged('127.0.0.2', '127.0.0.1'), { staggerMs: 100 }));
    expect(result).toMatchObject({ value: { remoteAddress: '127.0.0.1' } });
    expect(ms).toBeGreaterThan(90);
    expect(attempts.sockets.map((socket) => socket.destroyed)).toEqual([true, false]);
  });

  it('the stagger is 250 ms by default (RFC 8305)', async () => {
    const port = await silent('127.0.0.2');
    await origin('127.0.0.1', port);
    const { ms } = await timed(dial(port, judged('127.0.0.2', '127.0.0.1')));
    expect(ms).toBeGreaterThan(240);
  });

  it('an address that refuses costs nothing', async () => {
    const { port } = await origin('127.0.0.1');
    const addresses = judged('127.0.0.2', '127.0.0.3', '127.0.0.1');
    // It would be waited for, for ever.
    const socket = await dial(port, addresses, { staggerMs: 600_000, timeoutMs: 600_000 });
    expect(socket.remoteAddress).toBe('127.0.0.1');
  });

  it('families alternate, beginning with the first', async () => {
    const attempts = watchAttempts();
    const addresses = judged('127.0.0.2', '127.0.0.3', '::1', '127.0.0.4');
    await expect(dial(await closedPort(), addresses)).rejects.toThrow();
    expect(attempts.addresses).toEqual(['127.0.0.2', '::1', '127.0.0.3', '127.0.0.4']);
  });

  it('the number of attempts is bounded, whatever the answer', async () => {
    const attempts = watchAttempts();
    const addresses = judged(...Array.from({ length: 200 }, (_, i) => `127.0.1.${i}`));
    await expect(dial(await closedPort(), addresses)).rejects.toMatchObject({ reason: 'connect-failed' });
    expect(attempts.addresses).toHaveLength(16);
  });
});

describe('only what was judged is connected to', () => {
  it('IPv6 and IPv4 as judged', async () => {
    const four = await origin('127.0.0.1');
    const six = await origin('::1');
    expect((await dial(four.port, judged('127.0.0.1'))).remoteAddress).toBe('127.0.0.1');
    expect((await dial(six.port, judged('::1'))).remoteAddress).toBe('::1');
  });

  it('a socket that is connected to another address than the judged one is not handed out', async () => {
    // Linux connects 0.0.0.0 to 127.0.0.1.
    const { port } = await origin('127.0.0.1');
    await expect(dial(port, judged('0.0.0.0'))).rejects.toMatchObject({
      reason: 'connect-failed',
      message: expect.stringContaining('instead'),
    });
  });

  it('a name among the addresses is never looked up', async () => {
    const { port } = await origin('127.0.0.1');
    await expect(dial(port, judged('localhost'))).rejects.toMatchObject({
      reason: 'connect-failed',
      message: expect.stringContaining('is not an address'),
    });
  });

  it('no address, no connection', async () => {
    await expect(dial(await closedPort(), [])).rejects.toMatchObject({ reason: 'connect-failed' });
  });
});

describe('failures', () => {
  it('refused by all: connect-failed, with the code for logs', async () => {
    await expect(dial(await closedPort(), judged('127.0.0.1', '::1'))).rejects.toMatchObject({
      name: 'DialError',
      reason: 'connect-failed',
      code: 'ECONNREFUSED',
      cause: expect.any(Error),
    });
  });

  it('silent: connect-timeout in time, and no attempt is left', async () => {
    const port = await silent('127.0.0.2');
    const attempts = watchAttempts();
    const addresses = judged('127.0.0.2', '127.0.0.3');
    const { result } = await timed(dial(port, addresses, { timeoutMs: 200, staggerMs: 50 }));
    expect(result).toMatchObject({ reason: { reason: 'connect-timeout' } });
    expect(attempts.sockets.every((socket) => socket.destroyed)).toBe(true);
  });

  it('an abort destroys every attempt at once', async () => {
    const port = await silent('127.0.0.2');
    await silent('127.0.0.3', port);
    const attempts = watchAttempts();
    const cancel = new Cancellation();
    const pending = timed(dial(port, judged('127.0.0.2', '127.0.0.3'), { cancel, staggerMs: 20 }));
    await expect.poll(() => attempts.sockets.length).toBe(2);
    cancel.cancel(new Error('client left'));
    const { result } = await pending;
    expect(result).toMatchObject({ reason: { message: 'client left' } });
    expect(attempts.sockets.map((socket) => socket.destroyed)).toEqual([true, true]);
  });

  it('an abort before the dial connects nothing', async () => {
    const { port } = await origin('127.0.0.1');
    const attempts = watchAttempts();
    const cancel = new Cancellation();
    cancel.cancel(new Error('client left'));
    await expect(dial(port, judged('127.0.0.1'), { cancel })).rejects.toThrow('client left');
    expect(attempts.sockets).toEqual([]);
  });

  it('close ends dials under way and refuses later ones', async () => {
    const port = await silent('127.0.0.2');
    const dialler = createDialler();
    const target = { authority: authority(port), addresses: judged('127.0.0.2') };
    const pending = timed(dialler.dial(target));
    await sleep(20);
    dialler.close();
    const { result } = await pending;
    expect(result).toMatchObject({ reason: { reason: 'connect-failed', code: 'closed' } });
    await expect(dialler.dial(target)).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('the socket that is handed out', () => {
  it('has an error listener: a reset before anyone else listens does not end the process', async () => {
    const { port } = await origin('127.0.0.1', 0, (socket) => {
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
    const socket = await dial(port, judged('127.0.0.1'));
    expect(socket.listenerCount('error')).toBe(1);
    socket.resume();
    await new Promise((done) => socket.on('close', done));
    expect(socket.errored).toMatchObject({ code: 'ECONNRESET' });
  });

  it('keeps bytes that came early, and stays writable after the origin ended its side', async () => {
    let received: Promise<string> | undefined;
    const { port } = await origin('127.0.0.1', 0, (socket) => {
      socket.end('early');
      received = allOf(socket);
    });
    const socket = await dial(port, judged('127.0.0.1'));
    await sleep(50);
    expect(await allOf(socket)).toBe('early');
    socket.end('late');
    expect(await received).toBe('late');
  });

  it('reads into a buffer of its own attempt where onread is given', async () => {
    const port = await silent('127.0.0.2');
    await origin('127.0.0.1', port, (socket) => socket.end('through onread'));
    const buffers: Buffer[] = [];
    const got: string[] = [];
    const socket = await dial(port, judged('127.0.0.2', '127.0.0.1'), {
      staggerMs: 20,
      onread: () => {
        const buffer = Buffer.alloc(1024);
        buffers.push(buffer);
        return { buffer, callback: (n, read) => got.push(Buffer.from(read.subarray(0, n)).toString()) > 0 };
      },
    });
    socket.resume();
    await once(socket, 'end');
    expect(got.join('')).toBe('through onread');
    expect(buffers).toHaveLength(2);
  });

  it('has no more listeners than a fresh one needs: nothing piles up on a shared cancellation', async () => {
    const { port } = await origin('127.0.0.1');
    const cancel = new Cancellation();
    for (let i = 0; i < 20; i++) await dial(port, judged('127.0.0.1'), { cancel });
    const socket = await dial(port, judged('127.0.0.1'), { cancel });
    // An abort after the dial is its owner's affair.
    cancel.cancel(new Error('later'));
    expect(socket.destroyed).toBe(false);
    expect(socket.listenerCount('close')).toBe(0);
  });
});
