import { Writable } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { logStream } from '../../src/log-stream.js';

const before = process.listeners('exit');
afterEach(() => {
  for (const listener of process.listeners('exit')) {
    if (!before.includes(listener)) process.removeListener('exit', listener);
  }
});

/** A stderr that notes what is written at once, and takes it or not. */
function stderr(takes: () => boolean) {
  const writes: string[] = [];
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk, _encoding, done) {
      writes.push(String(chunk));
      if (takes()) done();
    },
  });
  return { writes, stream: stream as unknown as NodeJS.WriteStream };
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

it('writes the lines of a turn of the event loop at once, in their order', async () => {
  const { writes, stream } = stderr(() => true);
  const log = logStream(stream);
  for (const line of ['a\n', 'b\n', 'c\n']) log.write(line);
  expect(writes).toEqual([]);
  await turn();
  log.write('d\n');
  await turn();
  expect(writes).toEqual(['a\nb\nc\n', 'd\n']);
});

it('writes what is left when the process ends', () => {
  const { writes, stream } = stderr(() => true);
  logStream(stream).write('last words\n');
  for (const listener of process.listeners('exit')) {
    if (!before.includes(listener)) (listener as (code: number) => void)(0);
  }
  expect(writes).toEqual(['last words\n']);
});

it('leaves out what a reader that does not read has no room for, says how much, and keeps no more than that', async () => {
  let done: (() => void) | undefined;
  const writes: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, callback) {
      writes.push(String(chunk));
      done = callback;
    },
  });
  const log = logStream(stream as unknown as NodeJS.WriteStream);
  for (let i = 0; i < 40; i++) {
    log.write(`${'x'.repeat(65_535)}\n`);
    await turn();
  }
  expect(stream.writableLength).toBeLessThan(1_200_000);
  while (done) {
    const callback: () => void = done;
    done = undefined;
    callback();
    await turn();
  }
  log.write('again\n');
  await turn();
  expect(writes.at(-1)).toMatch(/^jobgate: 2\d log lines found no reader\nagain\n$/);
});
