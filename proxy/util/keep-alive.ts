import type { Socket } from 'node:net';

/** Time after which the kernel asks a silent peer whether it is still there, ms. */
const PROBE_AFTER_MS = 60_000;

/**
 * Has the kernel look after a peer that says nothing. Four system calls: for connections that have lasted, not for
 * each.
 */
export function keepAlive(socket: Socket): void {
  socket.setKeepAlive(true, PROBE_AFTER_MS);
}
