import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JOB_IMAGE } from './engine.js';

export interface StuckEngine extends AsyncDisposable {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Settles once a start was asked for, which is never answered. */
  readonly asked: Promise<void>;
  /** It comes back: removals that were asked for meanwhile are passed on, and from now on all is. */
  release(): void;
}

/**
 * The engine of the tests behind a socket on which one runtime hangs: a job's start is never answered, and neither is
 * what asks for the same container to be removed, until it is released. As with an engine whose runtime does not come back.
 */
export async function stuckEngine(engine = process.env.DOCKER_HOST ?? ''): Promise<StuckEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'stuck-engine-'));
  const path = join(folder, 'socket');
  const sockets = new Set<Socket>();
  /** Containers of the job image: those of gateways, which start before, go on. */
  const jobs = new Set<string>();
  let stuck: string | undefined;
  let released = false;
  let setAsked = () => {};
  const asked = new Promise<void>((resolve) => {
    setAsked = resolve;
  });
  const held: (() => void)[] = [];

  const to = ({ method, url, headers }: IncomingMessage) =>
    request({ socketPath: engine.replace(/^unix:\/\//, ''), path: url, method, headers, agent: false });
  const server = createServer((incoming, response) => {
    const pass = () => {
      const outgoing = to(incoming);
      const creates = /^(?:\/v[\d.]+)?\/containers\/create/.test(incoming.url ?? '');
      let [asksFor, said] = ['', ''];
      if (creates) incoming.on('data', (chunk) => (asksFor += chunk));
      outgoing.on('response', (answer) => {
        if (creates) {
          answer.on('data', (chunk) => (said += chunk));
          answer.on('end', () => {
            if (asksFor.includes(`"${JOB_IMAGE}"`)) jobs.add(JSON.parse(said).Id);
          });
        }
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
      });
      outgoing.on('error', () => response.destroy());
      response.on('close', () => outgoing.destroy());
      incoming.pipe(outgoing);
    };
    const [, id, action] = /^\/containers\/([0-9a-f]{64})(\/start)?/.exec(incoming.url ?? '') ?? [];
    if (!released && action && id && jobs.has(id) && stuck === undefined) {
      stuck = id;
      setAsked();
      return;
    }
    const isRemoval = incoming.method === 'DELETE' && id === stuck && stuck !== undefined;
    if (isRemoval && !released) held.push(pass);
    else pass();
  });
  server.on('upgrade', (incoming, socket) => {
    const outgoing = to(incoming);
    socket.on('error', () => outgoing.destroy());
    outgoing.on('upgrade', (_answer, upstream, head) => {
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
      if (head.length > 0) socket.write(head);
      upstream.on('error', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
      socket.on('close', () => upstream.destroy());
    });
    outgoing.on('error', () => socket.destroy());
    outgoing.end();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(path);
  await once(server, 'listening');
  const release = () => {
    released = true;
    for (const pass of held.splice(0)) pass();
  };
  return {
    host: `unix://${path}`,
    asked,
    release,
    async [Symbol.asyncDispose]() {
      release();
      server.close();
      for (const socket of sockets) socket.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
