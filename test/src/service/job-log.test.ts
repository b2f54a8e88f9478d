import { expect, it } from 'vitest';
import { JobLog } from '../../../src/service/job-log.js';

it("keeps the end of a job's output, and of a stream what is asked for", () => {
  const log = new JobLog();
  const [stdout, stderr] = [log.sink('stdout'), log.sink('stderr')];
  stdout.write('first');
  stderr.write('second');
  expect(log.text().toString()).toBe('firstsecond');
  expect(log.text('stderr').toString()).toBe('second');
  const piece = Buffer.alloc(64 << 10, 'x');
  for (let i = 0; i < 100; i++) stdout.write(Buffer.from(piece));
  stdout.write('last');
  expect(log.text().length).toBeLessThanOrEqual(1 << 20);
  expect(log.text().length + log.dropped).toBe('firstsecondlast'.length + 100 * piece.length);
  expect(log.text().toString().endsWith('last')).toBe(true);
});

it('tells followers what comes, and the end, also one that comes later', () => {
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
  leave();
  log.sink('stdout').write('2');
  log.end();
  follow('c');
  expect(seen).toEqual(['a 1', 'b 1', 'b 2', 'b end', 'c end']);
});
