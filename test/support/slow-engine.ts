import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The engine of the tests behind a socket on which each request that begins like this waits so many ms. */
export async function startSlowEngine(
  slow: RegExp,
  ms: number,
  engine = process.env.DOCKER_HOST ?? '',
): Promise<AsyncDisposable & { /** For DOCKER_HOST. */ readonly host: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'slow-engine-'));
  const path = join(folder, 'socket');
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ path: engine.replace(/^unix:\/\//, ''), allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket.on('error', () => {}));
      socket.on('close', () => {
        sockets.delete(socket);
        for (const other of [client, upstream]) other.destroy();
      });
    }
    upstream.pipe(client);
    client.on('data', (chunk) => {
      if (!slow.test(chunk.toString('latin1'))) return upstream.write(chunk);
      client.pause();
      setTimeout(() => {
        upstream.write(chunk);
        client.resume();
      }, ms);
    });
    client.on('end', () => upstream.end());
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    host: `unix://${path}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
