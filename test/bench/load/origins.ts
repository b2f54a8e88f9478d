import net from 'node:net';
import { acceptFast } from './fast-socket.js';

/** Where the origins of the load listen on 127.0.0.1. */
export interface OriginPorts {
  /** Sends without end once it has got something. */
  readonly source: number;
  /** Takes all, and says nothing. */
  readonly sink: number;
  /** Answers the first bytes with one byte. */
  readonly echo: number;
  /** HTTP with keep-alive: answers each request without a body with `BODY`. */
  readonly http: number;
}

export const BODY = 'x'.repeat(64);
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
);
const BULK = Buffer.alloc(1_048_576, 'jobgate ');
const ONE = Buffer.from('.');

/** By what a sink has got. */
export const sunk = {
  bytes: 0,
  onBytes: undefined as ((from: net.Socket, length: number) => void) | undefined,
};

export async function startOrigins(): Promise<OriginPorts> {
  return {
    source: await listen((accepted) => {
      const socket = acceptFast(accepted, () => flood(socket));
    }),
    sink: await listen((accepted) => {
      const socket = acceptFast(accepted, (bytes) => {
        sunk.bytes += bytes.length;
        sunk.onBytes?.(socket, bytes.length);
      });
    }),
    echo: await listen((accepted) => {
      const socket = acceptFast(accepted, () => socket.write(ONE));
    }),
    http: await listen((accepted) => {
      let line = 0;
      const socket = acceptFast(accepted, (bytes) => {
        for (const byte of bytes) {
          if (byte === 13) continue;
          if (byte !== 10) line++;
          else if (line > 0) line = 0;
          else socket.write(ANSWER);
        }
      });
    }),
  };
}

/** Writes `BULK` for ever, as fast as it is taken. */
export function flood(socket: net.Socket): void {
  if (socket.listenerCount('drain') > 0) return;
  const fill = () => {
    while (socket.writable && socket.write(BULK));
  };
  socket.on('drain', fill);
  fill();
}

async function listen(onConnection: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, onConnection);
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, resolve));
  return (server.address() as net.AddressInfo).port;
}
