import { Writable } from 'node:stream';

const HEADER = 8;
const STDERR = 2;

/**
 * Splits the engine's attach stream (Docker Engine API, "Stream format": an 8-byte header of stream type and
 * big-endian length, then the payload) into stdout and stderr.
 *
 * Waits for `drain` before it takes more, so that a job which floods its output costs no memory here: the engine's
 * socket fills instead.
 */
export function demux(stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream): Writable {
  const header = Buffer.alloc(HEADER);
  let have = 0;
  let left = 0;
  let out = stdout;

  // A job that writes byte by byte makes a frame of each: what a chunk has in a row for one stream is one write.
  let joined: Buffer[] = [];
  async function flush(): Promise<void> {
    if (joined.length === 0) return;
    const piece = joined.length === 1 ? (joined[0] as Buffer) : Buffer.concat(joined);
    joined = [];
    await write(out, piece);
  }

  async function consume(chunk: Buffer): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const taken = chunk.copy(header, have, at, at + HEADER - have);
        have += taken;
        at += taken;
        if (have < HEADER) break;
        have = 0;
        const next = header[0] === STDERR ? stderr : stdout;
        if (next !== out) await flush();
        out = next;
        left = header.readUInt32BE(4);
        continue;
      }
      const piece = chunk.subarray(at, at + left);
      at += piece.length;
      left -= piece.length;
      joined.push(piece);
    }
    await flush();
  }

  return new Writable({
    write: (chunk: Buffer, _encoding, done) => void consume(chunk).then(() => done(), done),
  });
}

function write(out: NodeJS.WritableStream, piece: Buffer): Promise<void> | undefined {
  if (!out.writable || out.write(piece)) return;
  return new Promise((resolve) => {
    const settle = () => {
      out.off('drain', settle).off('close', settle).off('error', settle);
      resolve();
    };
    out.on('drain', settle).on('close', settle).on('error', settle);
  });
}
