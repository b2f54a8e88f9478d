import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { demux } from '../../../docker/engine/demux.js';

function frame(type: 1 | 2, payload: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

/** All that is there to be read; one read gives a single piece of it since Node 26. */
function all(stream: PassThrough): string {
  let text = '';
  for (let piece = stream.read(); piece !== null; piece = stream.read()) text += piece;
  return text;
}

describe("splitting the engine's attach stream", () => {
  const stream = Buffer.concat([frame(1, 'out1'), frame(2, 'err'), frame(1, ''), frame(1, 'out2')]);

  it.each([1, 3, 7, 8, 9, 1000])('keeps stdout and stderr apart in pieces of %i bytes', async (size) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const splitter = demux(stdout, stderr);
    for (let at = 0; at < stream.length; at += size) splitter.write(stream.subarray(at, at + size));
    splitter.end();
    await once(splitter, 'close');
    expect(all(stdout)).toBe('out1out2');
    expect(all(stderr)).toBe('err');
  });

  it('waits for a reader that does not read', async () => {
    const stalled = new Writable({ highWaterMark: 1, write: () => {} });
    const splitter = demux(stalled, new PassThrough());
    splitter.write(frame(1, 'x'));
    splitter.write(frame(1, 'y'.repeat(100_000)));
    await new Promise(setImmediate);
    expect(splitter.writableLength).toBeGreaterThan(100_000);
    expect(stalled.writableLength).toBe(1);
    splitter.destroy();
  });

  it('goes on when a reader has gone away', async () => {
    const gone = new PassThrough();
    gone.destroy();
    const stderr = new PassThrough();
    const splitter = demux(gone, stderr);
    splitter.end(stream);
    await once(splitter, 'close');
    expect(all(stderr)).toBe('err');
  });
});
