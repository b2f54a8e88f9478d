import { expect, test } from 'vitest';
import { Ledger } from '../../../proxy/budget/ledger.js';
import { Spending } from '../../../proxy/budget/spending.js';
import type { Budget } from '../../../proxy/policy/budget.js';
import { Scheduler } from '../../../proxy/rate/scheduler.js';
import { tickerOf } from '../../../proxy/rate/ticker.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { BulkFlow, SmallFlow } from '../rate/flows.js';

const RATE = 10_000_000;

function make(budget: Budget | null, rate: number | null = RATE) {
  const clock = new VirtualClock();
  const ledger = new Ledger({ clock });
  ledger.budget = budget;
  const usedUp: (string | undefined)[] = [];
  const spending = new Spending({
    ...{ budget, grants: ledger, clock },
    rate: () => rate,
    onUsedUp: (host) => usedUp.push(host),
  });
  const scheduler = new Scheduler({
    ...{
      bytesPerSecond: (rate ?? 8e12) / 8,
      burst: rate === null ? 4e10 : 49_152,
      clock,
      ticker: tickerOf(clock),
    },
    allowance: spending.job.down,
  });
  spending.onMore = (direction) => direction === 'down' && scheduler.more();
  /** Time passes, and what was asked for is granted. */
  const pass = async (ms: number) => {
    for (let at = 0; at < ms; at += 10) {
      clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, ledger, spending, scheduler, usedUp, pass };
}

test('exactly the budget passes, at the full rate, and then somebody is told once', async () => {
  const { clock, scheduler, usedUp, pass, ledger, spending } = make({ down: 2_000_000 });
  const flows = [new BulkFlow(clock, scheduler), new BulkFlow(clock, scheduler)];
  await pass(1_000);
  const sum = () => flows.reduce((total, { total: one }) => total + one, 0);
  expect(sum()).toBeGreaterThan(1_250_000 * 0.97);
  expect(usedUp).toEqual([]);
  await pass(2_000);
  expect(sum()).toBe(2_000_000);
  expect(ledger.spent.down).toBe(2_000_000);
  expect(usedUp).toEqual([undefined]);
  expect(spending.isUsedUp('a.test')).toBe(true);
  // What is refused from then on is said, and not counted.
  spending.lift(undefined);
  const small = new SmallFlow(clock, scheduler);
  small.send(1_000);
  expect(small.total).toBe(1_000);
  scheduler.close();
});

test('what is granted and not used is at most a second of the rate at any time', async () => {
  const { clock, scheduler, pass, ledger } = make({ down: 1e12 });
  const flow = new BulkFlow(clock, scheduler);
  for (let i = 0; i < 100; i++) {
    await pass(30);
    expect(ledger.spent.down).toBeGreaterThanOrEqual(flow.total);
    expect(ledger.spent.down - flow.total).toBeLessThanOrEqual(RATE / 8);
  }
  scheduler.close();
});

test('without a rate, what is granted follows what passes', async () => {
  const { clock, scheduler, pass, ledger } = make({ down: 1e12 }, null);
  const flow = new BulkFlow(clock, scheduler, { gapMs: 1 });
  await pass(3_000);
  expect(flow.total).toBeGreaterThan(65_536 * 2_000);
  expect(ledger.spent.down - flow.total).toBeLessThanOrEqual(65_536 * 1_000);
  scheduler.close();
});

test('a host that has used up its own stops, and the others go on', async () => {
  const { clock, scheduler, usedUp, pass, spending } = make({ hostDown: 500_000 });
  const [one, other, none] = [1, 2, 3].map(() => new BulkFlow(clock, scheduler));
  if (!one || !other || !none) throw new Error('unexpected');
  scheduler.countFor(one, spending.of('one.test')?.down);
  scheduler.countFor(other, spending.of('other.test')?.down);
  await pass(4_000);
  expect(usedUp.sort()).toEqual(['one.test', 'other.test']);
  expect(one.total).toBe(500_000);
  expect(other.total).toBe(500_000);
  expect(none.total).toBeGreaterThan(3_000_000);
  expect([spending.isUsedUp('one.test'), spending.isUsedUp('third.test')]).toEqual([true, false]);
  // Its connection may be used for another one.
  scheduler.countFor(one, spending.of('third.test')?.down);
  await pass(500);
  expect(one.total).toBeGreaterThan(500_000);
  scheduler.close();
  expect(other.wasAborted).toBe(true);
});

test('what passed before it was known for whom counts as well', async () => {
  const { clock, scheduler, spending, ledger, pass } = make({ hostDown: 500_000 });
  const flow = new SmallFlow(clock, scheduler);
  flow.send(30_000);
  await pass(100);
  scheduler.countFor(flow, spending.of('a.test')?.down);
  await pass(10);
  flow.send(1_000_000);
  await pass(5_000);
  expect(flow.total).toBe(500_000);
  expect(ledger.spent.hosts).toEqual([{ host: 'a.test', up: 0, down: 500_000 }]);
  scheduler.close();
});

test('slow: what is used up goes on at the rate that is named', async () => {
  const { clock, scheduler, usedUp, pass, spending } = make({ down: 100_000, slow: 80_000 });
  const flow = new BulkFlow(clock, scheduler);
  await pass(1_000);
  const before = flow.total;
  expect(before).toBeGreaterThanOrEqual(100_000);
  await pass(10_000);
  expect((flow.total - before) / 100_000).toBeGreaterThan(0.95);
  expect((flow.total - before) / 100_000).toBeLessThan(1.05);
  expect([usedUp, spending.isUsedUp('a.test')]).toEqual([[], false]);
  scheduler.close();
  spending.close();
  expect(clock.pending).toBe(0);
});

test('bytes that passed elsewhere are charged, beyond what was granted', async () => {
  const { scheduler, ledger, pass, usedUp, clock } = make({ down: 1_000_000 });
  scheduler.charge(700_000);
  await pass(10);
  expect(ledger.spent.down).toBeGreaterThanOrEqual(700_000);
  const flow = new BulkFlow(clock, scheduler);
  await pass(5_000);
  expect(flow.total).toBe(300_000);
  expect(usedUp).toEqual([undefined]);
  scheduler.close();
});

test('another budget holds at once, more as well as less', async () => {
  const { clock, scheduler, ledger, spending, usedUp, pass } = make({ down: 100_000 });
  const flow = new BulkFlow(clock, scheduler);
  await pass(1_000);
  expect([flow.total, usedUp.length]).toEqual([100_000, 1]);
  const become = (budget: Budget | null) => {
    ledger.budget = budget;
    spending.budget = budget;
  };
  become({ down: 300_000 });
  expect(spending.isUsedUp('a.test')).toBe(false);
  await pass(1_000);
  expect([flow.total, usedUp.length]).toEqual([300_000, 2]);
  become(null);
  await pass(1_000);
  expect(flow.total).toBeGreaterThan(1_000_000);
  scheduler.close();
});
