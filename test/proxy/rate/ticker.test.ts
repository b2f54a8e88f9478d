import { expect, test } from 'vitest';
import { type Ticked, Ticker, tickerOf } from '../../../proxy/rate/ticker.js';
import type { Clock } from '../../../proxy/util/clock.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** Wants a tick every 5 ms, and notes when it gets one. */
class Eager implements Ticked {
  readonly ticks: number[] = [];
  dueAt: number;
  urgent = false;

  constructor(readonly clock: Clock) {
    this.dueAt = clock.now() + 5;
  }

  tick(): void {
    this.ticks.push(this.clock.now());
    this.dueAt = this.clock.now() + 5;
  }
}

test('all who are due are served in one wake-up, on one grid, and by one timer', () => {
  const clock = new VirtualClock();
  const ticker = new Ticker(clock);
  const all = Array.from({ length: 10 }, () => {
    const eager = new Eager(clock);
    ticker.add(eager);
    clock.advance(3);
    return eager;
  });
  clock.advance(1_000);
  expect(clock.pending).toBe(1);
  expect(clock.fired).toBeLessThanOrEqual(53);
  for (const { ticks } of all) expect(ticks.every((at) => at % 20 === 0)).toBe(true);
  for (const eager of all) ticker.remove(eager);
  expect(clock.pending).toBe(0);
});

test('the urgent get a finer grid', () => {
  const clock = new VirtualClock();
  const ticker = new Ticker(clock);
  const eager = new Eager(clock);
  eager.urgent = true;
  ticker.add(eager);
  clock.advance(1_000);
  expect(eager.ticks).toHaveLength(100);
});

test('when ticks come late they come more often for a while', () => {
  const clock = new VirtualClock();
  let late = 0;
  const loaded: Clock = {
    now: () => clock.now(),
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms + late),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
  const ticker = new Ticker(loaded);
  const eager = new Eager(loaded);
  ticker.add(eager);
  const count = (ms: number): number => {
    const before = eager.ticks.length;
    clock.advance(ms);
    return eager.ticks.length - before;
  };
  expect(count(1_000)).toBe(50);
  late = 8;
  clock.advance(40);
  late = 0;
  expect(count(1_000)).toBe(100);
  clock.advance(10_000);
  expect(count(1_000)).toBe(50);
});

test('one that throws does not stop the others', () => {
  const clock = new VirtualClock();
  const ticker = new Ticker(clock);
  const eager = new Eager(clock);
  const broken: Ticked = {
    dueAt: 0,
    urgent: false,
    tick() {
      ticker.remove(this);
      throw new Error('broken');
    },
  };
  ticker.add(broken);
  ticker.add(eager);
  expect(() => clock.advance(20)).toThrow('broken');
  clock.advance(1_000);
  expect(eager.ticks.length).toBeGreaterThan(45);
});

test('a clock has one ticker', () => {
  const clock = new VirtualClock();
  expect(tickerOf(clock)).toBe(tickerOf(clock));
  expect(tickerOf(new VirtualClock())).not.toBe(tickerOf(clock));
});
