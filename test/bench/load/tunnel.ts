import type net from 'node:net';
import { helloFor } from '../../support/client-hello.js';
import { connectFast, type OnBytes } from './fast-socket.js';

/** The way to an origin: through a proxy, or direct. */
export interface Via {
  /** Port of the proxy on 127.0.0.1; undefined: direct. */
  readonly proxy?: number | undefined;
  /** What the origin is called. */
  readonly host: string;
}

const hellos = new Map<string, Buffer>();

/**
 * Connects, directly or by CONNECT, and then says a ClientHello, because proxies may look at what a tunnel begins
 * with. `opened` when bytes of the origin may come; all of them go to `onBytes`.
 */
export function openTunnel(via: Via, port: number, onBytes: OnBytes, opened?: () => void): net.Socket {
  const hello = helloOf(via.host);
  if (via.proxy === undefined) {
    const socket = connectFast(port, onBytes);
    socket.write(hello);
    opened?.();
    return socket;
  }
  let head = '';
  let open = false;
  const socket = connectFast(via.proxy, (bytes) => {
    if (open) {
      onBytes(bytes);
      return;
    }
    head += bytes.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    if (!/^HTTP\/1\.\d 200/.test(head)) throw new Error(`CONNECT was answered with ${head}`);
    open = true;
    socket.write(hello);
    opened?.();
  });
  socket.write(`CONNECT ${via.host}:${port} HTTP/1.1\r\nHost: ${via.host}:${port}\r\n\r\n`);
  return socket;
}

function helloOf(host: string): Buffer {
  let hello = hellos.get(host);
  if (!hello) {
    hello = helloFor(host);
    hellos.set(host, hello);
  }
  return hello;
}
