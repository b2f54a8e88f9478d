import { connect } from 'node:net';
import type { Attempt } from '../plan.js';
import { type Bounds, type Found, ofError, ofHeard } from './outcome.js';

/** After so many ms without another byte an answer counts as whole. */
const QUIET_MS = 250;

/** Connects, and says one piece after the other, each once the one before it was answered. */
export function talk(
  { host, port, say }: Pick<Attempt & { do: 'talk' }, 'host' | 'port' | 'say'>,
  bounds: Bounds,
): Promise<Found> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const pieces = [...say];
    const heard: Buffer[] = [];
    let connected = false;
    let quiet: NodeJS.Timeout | undefined;
    const end = (nothing: Found) => {
      clearTimeout(limit);
      clearTimeout(quiet);
      socket.destroy();
      resolve(ofHeard(Buffer.concat(heard), bounds, nothing));
    };
    const silent = () =>
      end({ outcome: 'silent', detail: connected ? 'connected, and nothing came' : 'nothing came' });
    const limit = setTimeout(silent, bounds.waitMs);
    const next = () => {
      const piece = pieces.shift();
      if (piece === undefined) return silent();
      socket.write(Buffer.from(piece, 'latin1'));
    };
    socket.once('connect', () => {
      connected = true;
      next();
    });
    socket.on('data', (chunk) => {
      heard.push(chunk);
      clearTimeout(quiet);
      quiet = setTimeout(next, QUIET_MS);
    });
    socket.once('end', () => end({ outcome: 'refused', detail: 'closed' }));
    socket.once('error', (error) => end(ofError(error)));
  });
}
