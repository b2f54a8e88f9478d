import net from 'node:net';

/**
 * Of every TCP socket, accepted and connected. The high-water mark (bytes) is that of Node 20, which a stalled
 * connection holds in each direction; from Node 22 on it would be four times as much.
 */
export const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, highWaterMark: 16_384 } as const;

/** More than V8 keeps apart in one place. */
const SHAPES = 8;
/** Before a function has run a few times, V8 keeps nothing in mind of what it has seen. */
const ROUNDS = 8;
let prepared = false;

/**
 * Makes sockets cheap where they cost 9 µs and a kilobyte of garbage each, a tenth of a tunnel: Node copies their options,
 * and V8 as Node 20 has it makes hidden classes for each such copy anew, unless it has seen copies of many shapes there.
 */
export function prepareSockets(): void {
  if (prepared || !process.versions.v8.startsWith('11.')) return;
  prepared = true;
  for (let i = 0; i < ROUNDS * SHAPES; i++) {
    new net.Socket({ [`shape${i % SHAPES}`]: i } as net.SocketConstructorOpts);
  }
}
