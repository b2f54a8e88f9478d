import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBucket } from '../../../proxy/rate/bucket.js';
import { burstOf, type Grant } from './flows.js';

const RATE = 1_250; // bytes per ms

test('starts full, refills with time, and never holds more than its burst', () => {
  const bucket = new TokenBucket(RATE, 50_000, 0);
  expect(bucket.refill(0)).toBe(50_000);
  bucket.take(50_000);
  expect(bucket.refill(10)).toBe(12_500);
  expect(bucket.refill(11)).toBe(13_750);
  expect(bucket.refill(3_600_000)).toBe(50_000);
});

test('a clock that jumps forward brings a burst at most; one that jumps back takes and brings nothing', () => {
  const bucket = new TokenBucket(RATE, 50_000, 1_000_000);
  bucket.take(50_000);
  expect(bucket.refill(1_000_000_000)).toBe(50_000);
  bucket.take(50_000);
  expect(bucket.refill(500)).toBe(0);
  expect(bucket.refill(510)).toBe(12_500);
});

test('what was charged beyond the level is paid back by time', () => {
  const bucket = new TokenBucket(RATE, 50_000, 0);
  bucket.take(62_500);
  expect(bucket.level).toBe(-12_500);
  expect(bucket.refill(10)).toBe(0);
  expect(bucket.refill(20)).toBe(12_500);
});

test('whoever takes no more than the level never gets more than rate × time + burst, over any window', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200_000 }),
      fc.integer({ min: 4_096, max: 62_500 }),
      fc.array(fc.tuple(fc.double({ min: -5, max: 200, noNaN: true }), fc.nat(100_000)), { maxLength: 200 }),
      (bytesPerSecond, burst, steps) => {
        const rate = bytesPerSecond / 1000;
        let now = 0;
        // What time really passed: steps back don't count.
        let passed = 0;
        const bucket = new TokenBucket(rate, burst, now);
        const grants: Grant[] = [];
        for (const [ms, wish] of steps) {
          now += ms;
          passed += Math.max(0, ms);
          const bytes = Math.min(wish, Math.floor(bucket.refill(now)));
          bucket.take(bytes);
          grants.push({ at: passed, bytes });
        }
        expect(burstOf(grants, rate)).toBeLessThanOrEqual(burst + 1e-3);
      },
    ),
  );
});
