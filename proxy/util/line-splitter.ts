import { Writable } from 'node:stream';

/** Pieces of a line that wait for its end. */
const MAX_PARTS = 256;

/** Longest line, bytes. A policy with a node's whole allowlist is the longest there is. */
export const MAX_LINE = 8 << 20;

/**
 * A stream's end that is cut into lines. A longer one than `max` bytes is an error of the stream, and so is what `onLine`
 * throws.
 */
export function lineSplitter(onLine: (line: string) => void, max = MAX_LINE): Writable {
  let parts: Buffer[] = [];
  let length = 0;
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        const line = Buffer.concat([...parts, chunk.subarray(from, end)]);
        from = end + 1;
        parts = [];
        length = 0;
        if (line.length > max) return done(tooLong(max));
        try {
          onLine(line.toString('utf8'));
        } catch (error) {
          return done(error as Error);
        }
      }
      const rest = chunk.subarray(from);
      length += rest.length;
      if (length > max) return done(tooLong(max));
      // Copied: a view would keep all that came with it. Joined now and then: each piece costs more than its bytes.
      if (rest.length > 0) parts.push(Buffer.from(rest));
      if (parts.length > MAX_PARTS) parts = [Buffer.concat(parts)];
      done();
    },
  });
}

const tooLong = (max: number) => new Error(`a line of more than ${max} bytes`);
