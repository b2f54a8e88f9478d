import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import { type Arrival, HEAD, type Listen, MAX_BYTES } from './plan.js';
import { serveNames } from './zone.js';

/** Servers of these protocols speak first. */
const GREETINGS: Readonly<Record<number, string>> = { 22: 'SSH-2.0-', 25: '220 ' };
const TLS_HANDSHAKE = 22;
const PIECE = Buffer.alloc(65_536);

export interface Listening extends AsyncDisposable {
  readonly tcp: number[];
  readonly udp: number[];
}

/**
 * Listens, tells what comes, and answers it with the token: HTTP as HTTP (at `bytesAt` also `/bytes/N`, for measuring), a
 * ClientHello not at all, anything else as it is.
 */
export async function listen(
  { at, addresses, tcp, udp, names, bytesAt }: Listen,
  token: string,
  arrived: (arrival: Arrival) => void,
): Promise<Listening> {
  const servers: Server[] = [];
  const sockets: Datagrams[] = [];
  const open = new Set<Socket>();
  const http = createHttpServer((request, response) => {
    const { remoteAddress: from = '', localPort: port = 0 } = request.socket;
    arrived({ at, over: 'tcp', port, from, head: headOf(request) });
    const wanted = request.socket.localAddress === bytesAt ? bytesOf(request) : undefined;
    request.resume();
    if (wanted === undefined) request.once('end', () => response.end(`${token}\n`));
    else zeros(response, wanted);
  });
  const onConnection = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => {});
    const { remoteAddress: from = '', localPort: port = 0 } = socket;
    const greeting = GREETINGS[port];
    if (greeting) socket.write(`${greeting}${token}\r\n`);
    socket.once('data', (chunk) => {
      arrived({ at, over: 'tcp', port, from, head: chunk.toString('latin1', 0, HEAD) });
      if (/^[A-Z]{3,7} /.test(chunk.toString('latin1', 0, 8)) && !greeting) {
        socket.unshift(chunk);
        http.emit('connection', socket);
        return;
      }
      socket.resume();
      if (chunk[0] !== TLS_HANDSHAKE) socket.end(`${token}\n`);
    });
  };
  const found: Listening = {
    tcp: [],
    udp: [],
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      for (const socket of sockets) socket.close();
      for (const server of servers) server.close();
    },
  };
  for (const address of addresses) {
    for (const port of tcp) {
      const server = createServer(onConnection);
      servers.push(server);
      found.tcp.push(await bound(server, port, address));
    }
    for (const port of udp) {
      const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      sockets.push(socket);
      socket.on('message', (message, { address: from, port: peer }) => {
        arrived({
          at,
          over: 'udp',
          port: socket.address().port,
          from,
          head: message.toString('latin1', 0, HEAD),
        });
        socket.send(token, peer, from, () => {});
      });
      await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(port, address, resolve));
      socket.on('error', () => {});
      found.udp.push(socket.address().port);
    }
  }
  if (names) await serveNames(at, names, arrived);
  return found;
}

function bound(server: Server, port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => resolve((server.address() as { port: number }).port));
  });
}

function headOf({ method, url, rawHeaders }: IncomingMessage): string {
  const lines: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${method} ${url}\r\n${lines.join('\r\n')}`.slice(0, HEAD);
}

function bytesOf({ url = '' }: IncomingMessage): number | undefined {
  const bytes = Number(/\/bytes\/(\d{1,9})$/.exec(url)?.[1]);
  return bytes <= MAX_BYTES ? bytes : undefined;
}

function zeros(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'Content-Length': bytes });
  let left = bytes;
  const push = () => {
    while (left > 0) {
      const piece = PIECE.subarray(0, left);
      left -= piece.length;
      if (!response.write(piece)) return;
    }
    response.end();
  };
  response.on('drain', push);
  push();
}
