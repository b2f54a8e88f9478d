import type { IncomingMessage } from 'node:http';

/** What of a refused body is still read, bytes, and for how long, ms. */
const DISCARDED = { bytes: 32 << 20, ms: 2_000 };

/**
 * Reads the rest of a request's body and forgets it, within bounds: who still writes when the answer comes and the
 * connection closes gets a broken pipe instead of the answer.
 */
export function discardBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve();
    let left = DISCARDED.bytes;
    const done = () => {
      clearTimeout(timer);
      request.off('data', count).off('end', done).off('close', done).pause();
      resolve();
    };
    const count = (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) done();
    };
    const timer = setTimeout(done, DISCARDED.ms);
    request.on('data', count).on('end', done).on('close', done);
  });
}
