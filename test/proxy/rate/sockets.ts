import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { JobLimiter } from '../../../proxy/rate/job-limiter.js';
import { SOCKET_OPTIONS } from '../../../proxy/util/socket-options.js';
import type { VirtualClock } from '../../support/virtual-clock.js';

/** A loopback listener whose accepted sockets are behind a limiter. */
export interface Front extends AsyncDisposable {
  readonly port: number;
  /** A client's socket, and the proxy's end of it behind the limit. */
  connect(): Promise<{ client: net.Socket; throttled: Duplex; accepted: net.Socket }>;
}

export async function listen(limiter: JobLimiter, serve?: (throttled: Duplex) => void): Promise<Front> {
  const sockets = new Set<net.Socket>();
  const waiting: ((accepted: net.Socket) => void)[] = [];
  const server = net.createServer(SOCKET_OPTIONS, (accepted) => {
    sockets.add(accepted);
    const next = waiting.shift();
    if (next) next(accepted);
    else serve?.(limiter.throttle(accepted));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    async connect() {
      const accepting = new Promise<net.Socket>((resolve) => waiting.push(resolve));
      const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      sockets.add(client);
      await once(client, 'connect');
      const accepted = await accepting;
      return { client, accepted, throttled: limiter.throttle(accepted) };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      limiter.close();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * Lets virtual time pass in steps of 5 ms while something waits for it, and real time while nothing does, until
 * `done`. Gives the virtual ms that passed.
 */
export async function run(clock: VirtualClock, done: () => boolean): Promise<number> {
  const start = clock.now();
  const deadline = performance.now() + 10_000;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`not done, after ${clock.now() - start} virtual ms`);
    await settle();
    if (clock.pending > 0) clock.advance(5);
    else await sleep(1);
  }
  await settle();
  return clock.now() - start;
}

/** Gives the real sockets time for what the kernel already has. */
export async function settle(turns = 6): Promise<void> {
  for (let i = 0; i < turns; i++) await turn();
}

/** Bytes that tell where they are: no two 64 KiB pieces are alike. */
export function pattern(bytes: number, seed: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    buffer[i] = state >>> 24;
  }
  return buffer;
}
