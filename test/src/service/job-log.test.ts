import fc from 'fast-check';
import { expect, it } from 'vitest';
import { JobLog } from '../../../src/service/job-log.js';
import { growth } from '../../support/growth.js';

it("keeps the end of a job's output, and of a stream what is asked for", () => {
  const log = new JobLog();
  const [stdout, stderr] = [log.sink('stdout'), log.sink('stderr')];
  stdout.write('first');
  stderr.write('second');
  expect(log.text().toString()).toBe('firstsecond');
  expect(log.text('stderr').toString()).toBe('second');
  const pieces = Array.from({ length: 100 }, (_, i) => Buffer.alloc(64 << 10, `${i} `));
  for (const piece of pieces) stdout.write(piece);
  stdout.write('last');
  expect(log.text().length).toBeGreaterThan(1_000_000);
  expect(log.text().length).toBeLessThanOrEqual(1 << 20);
  expect(`${pieces.join('')}last`.endsWith(log.text().toString())).toBe(true);
});

it('tells followers what comes, in one piece for each turn, and the end, also one that comes later', async () => {
  const log = new JobLog();
  const seen: string[] = [];
  const follow = (name: string) =>
    log.follow(
      'stdout',
      (data) => seen.push(`${name} ${data}`),
      () => seen.push(`${name} end`),
    );
  const leave = follow('a');
  follow('b');
  log.sink('stdout').write('1');
  log.sink('stderr').write('-');
  await new Promise(setImmediate);
  leave();
  log.sink('stdout').write('2');
  log.sink('stdout').write('3');
  follow('late');
  log.sink('stdout').write('4');
  log.end();
  follow('c');
  expect(seen).toEqual(['a 1', 'b 1', 'b 23', 'b 4', 'late 4', 'b end', 'late end', 'c end']);
});

it('gives back what was written, of both streams in its order and of each alone, whatever the pieces', () => {
  const piece = fc.record({
    stream: fc.constantFrom('stdout', 'stderr'),
    data: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 16_300, maxLength: 33_000 })),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const log = new JobLog();
      const sinks = { stdout: log.sink('stdout'), stderr: log.sink('stderr') };
      for (const { stream, data } of pieces) sinks[stream].write(data);
      log.end();
      const of = (only?: string) =>
        Buffer.concat(pieces.filter(({ stream }) => !only || stream === only).map(({ data }) => data));
      expect(log.text().equals(of())).toBe(true);
      expect(log.text('stdout').equals(of('stdout'))).toBe(true);
      expect(log.text('stderr').equals(of('stderr'))).toBe(true);
    }),
    { numRuns: 40 },
  );
});

const byteByByte = (log: JobLog, bytes: number, streams: readonly ('stdout' | 'stderr')[]) => {
  const sinks = streams.map((stream) => log.sink(stream));
  const data = Buffer.from('x');
  for (let i = 0; i < bytes; i++) sinks[i % sinks.length]?.write(data);
};

it.each([
  // Kept is a megabyte, and each run of a stream has a header of four bytes.
  { streams: ['stdout'], full: 1_100_000 },
  { streams: ['stdout', 'stderr'], full: 220_000 },
] as const)(
  'a job that writes byte by byte costs no more memory than any, and as much time for each byte: $streams',
  async ({ streams, full }) => {
    const log = new JobLog();
    byteByByte(log, full, streams);
    expect(log.size).toBeLessThanOrEqual(1 << 20);
    expect(log.text().length).toBeGreaterThan((1 << 20) / 6);
    expect(log.text().length).toBeLessThan(full);
    // In an empty one there is room; in this one each byte makes some.
    const writes = (which: number) => () => byteByByte(which === 1 ? new JobLog() : log, 40_000, streams);
    expect(await growth(writes, 1, 2)).toBeLessThan(3.5);
  },
);
