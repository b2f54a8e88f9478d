import { expect, test } from 'vitest';
import { PolicyError } from '../../../proxy/policy/policy-error.js';
import { JobLimiter } from '../../../proxy/rate/job-limiter.js';
import { VirtualClock } from '../../support/virtual-clock.js';

test.each([0, -1, 7_999, Number.NaN, Number.POSITIVE_INFINITY])('a rate of %s bit/s is refused', (rate) => {
  expect(() => new JobLimiter({ rate })).toThrow(PolicyError);
  expect(() => new JobLimiter({ rate: 8_000 })).not.toThrow();
});

test.each([0, 4_095, 5_000.5, Number.NaN, 2 ** 31])('a burst of %s bytes is refused', (burst) => {
  expect(() => new JobLimiter({ rate: 10_000_000, burst })).toThrow(/burst .*: use a whole number of bytes/);
  expect(new JobLimiter({ rate: 10_000_000, burst: 62_500 }).burst).toBe(62_500);
});

test('the burst is 48 KiB unless told otherwise, and grows with rates that it could not carry', () => {
  expect(new JobLimiter({ rate: 10_000_000 }).burst).toBe(49_152);
  expect(new JobLimiter({ rate: 1_000_000 }).burst).toBe(49_152);
  expect(new JobLimiter({ rate: 1_000_000_000 }).burst).toBe(4_875_000);
});

test('without a limit there is nothing to count, wait for, or close', () => {
  const clock = new VirtualClock();
  const limiter = new JobLimiter({ rate: null, clock });
  limiter.close();
  expect(limiter).toMatchObject({
    burst: 0,
    bytes: { up: 0, down: 0 },
    throttledMs: { up: 0, down: 0 },
  });
  expect(clock.pending).toBe(0);
});

test('a rate that is none any more, and then another, holds for sockets that came before', () => {
  const clock = new VirtualClock();
  const limiter = new JobLimiter({ rate: 10_000_000, clock });
  limiter.rate = null;
  expect([limiter.burst, limiter.rate]).toEqual([0, null]);
  expect(() => {
    limiter.rate = 1;
  }).toThrow(PolicyError);
  limiter.rate = 1_000_000_000;
  expect([limiter.burst, limiter.rate]).toEqual([4_875_000, 1_000_000_000]);
  limiter.close();
  limiter.rate = 8_000;
  expect(clock.pending).toBe(0);
});
