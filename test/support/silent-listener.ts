import { createServer, connect as netConnect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

export interface SilentListener extends AsyncDisposable {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * An address that lets connection attempts hang, as a far host behind a firewall does: a listener whose thread is stuck and
 * whose queue is full. Undefined where the kernel accepts without end.
 */
export async function startSilentListener(host: string, port = 0): Promise<SilentListener | undefined> {
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer();
    server.listen({ ...workerData, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`,
    { eval: true, workerData: { host, port } },
  );
  const bound = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const fillers: Socket[] = [];
  const close = async () => {
    for (const filler of fillers) filler.destroy();
    await worker.terminate();
  };
  for (let i = 0; i < 16; i++) {
    const socket = netConnect(bound, host).on('error', () => {});
    fillers.push(socket);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      setTimeout(resolve, 150, false);
    });
    if (!connected) return { port: bound, close, [Symbol.asyncDispose]: close };
  }
  await close();
  return undefined;
}

/** A port that nothing listens on, on any of the hosts. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
