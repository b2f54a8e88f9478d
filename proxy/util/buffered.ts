import type { Duplex } from 'node:stream';

/** Bytes that some streams hold for whoever reads or writes them. */
export function buffered(
  ...streams: readonly (Pick<Duplex, 'readableLength' | 'writableLength'> | undefined)[]
): number {
  let bytes = 0;
  for (const stream of streams) if (stream) bytes += stream.readableLength + stream.writableLength;
  return bytes;
}
