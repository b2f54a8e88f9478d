import { describe, expect, it } from 'vitest';
import { Throughput } from '../../../src/service/throughput.js';

/** Looks every 250 ms at what is told once a second. */
function rateAfter(seconds: number, bytesAt: (second: number) => number): number {
  const throughput = new Throughput();
  for (let time = 0; time <= seconds * 1000; time += 250)
    throughput.add(time, bytesAt(Math.floor(time / 1000)));
  return throughput.rate;
}

describe('how fast bytes come', () => {
  it('is what came in the last seconds, in bit/s', () => {
    expect(rateAfter(1, (second) => second * 1_250_000)).toBe(10_000_000);
    expect(rateAfter(30, (second) => second * 1_250_000)).toBe(10_000_000);
    expect(rateAfter(30, (second) => (second < 20 ? 0 : (second - 20) * 1_250))).toBe(10_000);
  });

  it('is none before anything came, and soon after it has stopped', () => {
    expect(rateAfter(10, () => 5)).toBe(0);
    expect(rateAfter(20, (second) => Math.min(second, 16) * 1_250_000)).toBe(0);
  });

  it('is of what began just now, and not of the pause before it', () => {
    expect(rateAfter(61, (second) => (second < 61 ? 7 : 1_250_007))).toBe(10_000_000);
  });
});
