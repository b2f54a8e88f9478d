import type { Duplex } from 'node:stream';

/** A socket, or what stands before one. */
type Resettable = Duplex & { resetAndDestroy(): unknown };

/**
 * Ends a connection with a RST, so that the peer sees that it was cut. While a FIN is on its way libuv refuses that
 * (EINVAL), and Node then loses the descriptor and never says `close`: it is an ordinary end there.
 */
export function resetSocket(socket: Resettable): void {
  const { destroyed, writableEnded, writableFinished, writableLength } = socket;
  if (destroyed) return;
  if (writableEnded && !writableFinished && writableLength === 0) socket.destroy();
  else socket.resetAndDestroy();
}
