import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EngineAnswer, Upgraded } from './engine-asks.js';

/** The client's end of a connection that becomes the container's input and output. */
export interface ClientEnd {
  /** From Node 26 on no `Socket` where the request has a body, but a stream around it. */
  readonly socket: Duplex;
  /** It asked by `Upgrade: tcp`, and not by just waiting for it. */
  readonly upgrade: boolean;
  /** Read already, behind the request. */
  readonly head: Buffer;
}

/** What a client sends behind a request for an upgrade, of the length that it names; the rest stays on the socket. */
export async function readUpgradeBody(
  request: IncomingMessage,
  { socket, head }: ClientEnd,
  max: number,
): Promise<{ readonly body: string; readonly head: Buffer } | undefined> {
  const length = Number(request.headers['content-length'] ?? 0);
  if (!Number.isSafeInteger(length) || length > max || request.headers['transfer-encoding'] !== undefined) {
    return undefined;
  }
  // Node before 26 has it on the socket, later ones in the request.
  let all = head;
  while (all.length < length) {
    const chunk = await next(request, socket);
    if (!chunk) return undefined;
    all = Buffer.concat([all, chunk]);
  }
  return { body: all.subarray(0, length).toString('utf8'), head: all.subarray(length) };
}

function next(request: IncomingMessage, socket: Duplex): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const done = (chunk?: Buffer) => {
      for (const stream of [request, socket]) stream.off('data', done);
      socket.off('close', gone).off('end', gone).pause();
      resolve(chunk);
    };
    const gone = () => done();
    // Where its body is on the socket, the request closes at once.
    for (const stream of [request, socket]) stream.on('data', done).resume();
    socket.on('close', gone).on('end', gone);
  });
}

/** Takes the socket from Node's HTTP server, for a client that sends no `Upgrade`. */
export function takeSocket(response: ServerResponse): ClientEnd {
  const socket = response.socket as Socket;
  response.detachSocket(socket);
  // The server's parser would take the container's input for the next request.
  socket.removeAllListeners('data').removeAllListeners('end');
  return { socket, upgrade: false, head: Buffer.alloc(0) };
}

/** Joins both ends, until both have ended. Only a connection that the engine has upgraded gets the client's bytes. */
export function join(client: ClientEnd, engine: Extract<Upgraded, { kind: 'connection' }>): void {
  const { socket } = client;
  const type = `Content-Type: ${engine.type ?? 'application/vnd.docker.raw-stream'}\r\n`;
  socket.write(
    client.upgrade
      ? `HTTP/1.1 101 UPGRADED\r\n${type}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n`
      : `HTTP/1.1 200 OK\r\n${type}\r\n`,
  );
  if (engine.head.length > 0) socket.write(engine.head);
  if (client.head.length > 0) engine.socket.write(client.head);
  const other: [Duplex, Duplex][] = [
    [socket, engine.socket],
    [engine.socket, socket],
  ];
  for (const [one, two] of other) {
    if (one instanceof Socket) one.setNoDelay(true).setTimeout(0);
    one.on('error', () => two.destroy());
    one.once('close', () => finish(two));
    one.pipe(two);
  }
}

/** Writes what is still to be written, and closes. */
function finish(socket: Duplex): void {
  if (socket.writableFinished || socket.destroyed) socket.destroy();
  else socket.end(() => socket.destroy());
}

/** Answers a request for an upgrade with an ordinary answer, and nothing after it. */
export function answerPlainly(socket: Duplex, { status, type, body }: EngineAnswer): void {
  socket.on('error', () => {});
  const head = [
    `HTTP/1.1 ${status} ${status < 400 ? 'OK' : 'Refused'}`,
    `Content-Type: ${type ?? 'application/json'}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.end(body, () => socket.destroy());
  // Whatever is pipelined behind it is nobody's request.
  socket.resume();
}
