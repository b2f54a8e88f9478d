import type { Socket } from 'node:net';

/**
 * Feeds what arrives on a fresh socket to `take`, until that returns how many bytes of its chunk were still part of
 * the handshake. The rest goes back into the socket, which is then as if it had never been read. Rejects with what
 * `take` throws, when the peer ends first, or with the signal's reason; the socket is destroyed then.
 */
export function readHandshake(
  socket: Socket,
  take: (chunk: Buffer) => number | undefined,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      socket.off('readable', read);
      socket.off('end', ended);
      socket.off('close', ended);
      signal.removeEventListener('abort', abort);
      if (error === undefined) {
        resolve();
      } else {
        socket.destroy();
        reject(error);
      }
    };
    const abort = () => settle(signal.reason);
    const ended = () => settle(new Error('closed the connection'));
    const read = () => {
      try {
        for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read()) {
          const used = take(chunk);
          if (used === undefined) continue;
          if (used < chunk.length) socket.unshift(chunk.subarray(used));
          settle();
          return;
        }
      } catch (error) {
        settle(error);
      }
    };
    if (signal.aborted) {
      settle(signal.reason);
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    socket.on('end', ended);
    socket.on('close', ended);
    socket.on('readable', read);
  });
}
