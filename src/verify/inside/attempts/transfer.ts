import { connect } from 'node:net';
import type { Attempt } from '../plan.js';
import type { Bounds, Found } from './outcome.js';

/** A direction at a low rate takes its time; the whole of verify has two minutes. */
const LIMIT_MS = 25_000;
const PIECE = Buffer.alloc(65_536);

/** Moves bytes over several connections at once; `ms` of the result is what it took. */
export async function transfer(attempt: Attempt & { do: 'transfer' }, _bounds: Bounds): Promise<Found> {
  const each = Math.ceil(attempt.bytes / attempt.connections);
  const all = Array.from({ length: attempt.connections }, () => one(attempt, each));
  const moved = (await Promise.all(all)).reduce((sum, bytes) => sum + bytes, 0);
  return moved < attempt.bytes
    ? { outcome: 'error', detail: `${moved} of ${attempt.bytes} bytes`, bytes: moved }
    : { outcome: 'reached', detail: `${moved} bytes`, bytes: moved };
}

/** @returns bytes of bodies that went through. */
function one({ host, port, say, up }: Attempt & { do: 'transfer' }, bytes: number): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let got = -1;
    let head = '';
    const end = (moved: number) => {
      clearTimeout(limit);
      socket.destroy();
      resolve(moved);
    };
    const limit = setTimeout(() => end(up ? 0 : Math.max(got, 0)), LIMIT_MS);
    let left = bytes;
    const push = () => {
      while (left > 0) {
        const piece = PIECE.subarray(0, left);
        left -= piece.length;
        if (!socket.write(piece)) return;
      }
    };
    socket.once('connect', () => {
      socket.write(say.replace('BYTES', String(bytes)));
      if (up) push();
    });
    if (up) socket.on('drain', push);
    socket.on('data', (chunk) => {
      if (got < 0) {
        head += chunk.toString('latin1');
        const at = head.indexOf('\r\n\r\n');
        if (at < 0) return;
        // The origin answers an upload once it has all of it.
        if (up) return end(/^HTTP\/1\.[01] 2/.test(head) ? bytes : 0);
        got = head.length - at - 4;
      } else got += chunk.length;
      if (got >= bytes) end(got);
    });
    socket.once('error', () => end(up ? 0 : Math.max(got, 0)));
    socket.once('close', () => end(up ? 0 : Math.max(got, 0)));
  });
}
