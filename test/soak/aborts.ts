import type { RawClient } from '../support/raw-client.js';
import type { Below } from './runner.js';

/** In one of three cases the client leaves at some moment, in some way. Says whether it is going to. */
export function maybeAbort(client: RawClient, below: Below): boolean {
  if (below(3) > 0) return false;
  const leave = [() => client.reset(), () => client.socket.destroy(), () => client.end()][below(3)];
  setTimeout(() => leave?.(), below(5) === 0 ? 0 : below(40));
  return true;
}

/** Sends in random segments. */
export async function sendCut(client: RawClient, bytes: Buffer, below: Below): Promise<void> {
  for (let at = 0; at < bytes.length && !client.closed; ) {
    const size =
      below(3) === 0
        ? bytes.length
        : 1 + below(below(2) === 0 ? 8 : 700) + below(Math.ceil(bytes.length / 20));
    client.send(bytes.subarray(at, at + size));
    at += size;
    if (at < bytes.length) await new Promise((resolve) => setImmediate(resolve));
  }
}
