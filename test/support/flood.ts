import { type Origin, startTcpOrigin } from './origin.js';

const CHUNK = Buffer.alloc(16_384, 'x');

/** Answers the first bytes of each connection with more than anybody may have, and counts what it gets. */
export async function startFlood(): Promise<Origin & { readonly counts: { readonly up: number } }> {
  const counts = { up: 0 };
  const origin = await startTcpOrigin((socket) => {
    socket.on('error', () => {});
    const pour = () => {
      while (!socket.destroyed && socket.write(CHUNK));
    };
    socket.on('drain', pour);
    socket.once('data', pour);
    socket.on('data', (data) => {
      counts.up += data.length;
    });
  });
  return Object.assign(origin, { counts });
}
