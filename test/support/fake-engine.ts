import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, openEngine } from '../../docker/engine/engine.js';

export interface FakeEngineServer extends AsyncDisposable {
  readonly engine: Engine;
  /** `GET /path` of what was asked so far. */
  readonly asked: readonly string[];
  /** The same with all that came along. */
  readonly requests: readonly Recorded[];
  /** What it says where a connection of its own is asked for, and those that it was asked for. */
  readonly upgrades: { answer: string; readonly connections: readonly Connection[] };
}

interface Connection {
  readonly socket: Socket;
  readonly headers: IncomingMessage['headers'];
  /** What has come behind the request. */
  received: string;
}

const UPGRADED = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';

export interface Recorded {
  /** `GET /path` */
  readonly asked: string;
  readonly headers: IncomingMessage['headers'];
  /** As far as it has come. */
  body: string;
}

/** What a Docker engine says of itself, and what Podman's service says to Docker's clients. */
export const DOCKER = { Version: '20.10.24', ApiVersion: '1.41' };
export const PODMAN = { Version: '5.4.2', ApiVersion: '1.41', Components: [{ Name: 'Podman Engine' }] };

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An engine on a socket that answers as a test says, reached by the client that jobgate has for a real one. */
export async function fakeEngine(answer: Answer, version: object = DOCKER): Promise<FakeEngineServer> {
  const folder = mkdtempSync(join(tmpdir(), 'fake-engine-'));
  const path = join(folder, 'socket');
  const asked: string[] = [];
  const requests: Recorded[] = [];
  const connections: Connection[] = [];
  const upgrades = { answer: UPGRADED, connections };
  const sockets = new Set<Socket>();
  const server = createServer({ maxHeaderSize: 1 << 20 }, (request, response) => {
    if (request.url === '/version') {
      response.end(JSON.stringify({ Os: 'linux', ...version }));
      return;
    }
    response.on('error', () => {});
    const { headers } = request;
    const recorded = { asked: `${request.method} ${request.url}`, headers, body: '' };
    asked.push(recorded.asked);
    requests.push(recorded);
    request.on('data', (chunk: Buffer) => (recorded.body += chunk));
    answer(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {});
    asked.push(`${request.method} ${request.url}`, ...(head.length > 0 ? [String(head)] : []));
    const connection = { socket: socket as Socket, headers: request.headers, received: String(head) };
    connections.push(connection);
    const before = connection.received;
    const take = (data: Buffer) => {
      if (connection.received === before) asked.push(String(data));
      connection.received += data;
    };
    // Of a request for an upgrade, Node 26 has the body in the request, and those before on the socket.
    for (const stream of [request, socket]) stream.on('data', take);
    socket.write(upgrades.answer);
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    engine: await openEngine({ DOCKER_HOST: `unix://${path}` }),
    asked,
    requests,
    upgrades,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Answers with JSON. */
export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
