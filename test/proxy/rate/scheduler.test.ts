import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../support/virtual-clock.js';
import {
  BulkFlow,
  burstOf,
  createScheduler,
  fairness,
  type Grant,
  quantile,
  RecordingFlow,
  SmallFlow,
  windows,
} from './flows.js';

const RATE = 1_250_000; // bytes per second: 10 Mbit/s
const BURST = 49_152;

const merged = (flows: readonly RecordingFlow[]): Grant[] =>
  flows.flatMap((flow) => flow.grants).sort((a, b) => a.at - b.at);

describe('the rate', () => {
  test('is exact under demand: 1 % over any 5 s, 3 % over any 1 s, after the first second', () => {
    for (const count of [1, 3, 16]) {
      const clock = new VirtualClock();
      const scheduler = createScheduler(clock);
      const start = clock.now();
      const flows = Array.from({ length: count }, () => new BulkFlow(clock, scheduler, { gapMs: 1 }));
      clock.advance(12_000);
      const grants = merged(flows);
      const [least5, most5] = windows(grants, 5_000, start + 1_000, start + 12_000);
      expect(least5).toBeGreaterThan(5 * RATE * 0.99);
      expect(most5).toBeLessThan(5 * RATE * 1.01);
      const [least1, most1] = windows(grants, 1_000, start + 1_000, start + 12_000);
      expect(least1).toBeGreaterThan(RATE * 0.97);
      expect(most1).toBeLessThan(RATE * 1.03);
      scheduler.close();
    }
  });

  test.each([8_000, 500_000, 100_000_000, 1_000_000_000])('%i bit/s is exact too', (bits) => {
    const clock = new VirtualClock();
    const rate = bits / 8;
    const burst = Math.max(BURST, rate * 0.039);
    const scheduler = createScheduler(clock, { bytesPerSecond: rate, burst });
    const flows = Array.from({ length: 4 }, () => new BulkFlow(clock, scheduler));
    clock.advance(60_000);
    const before = merged(flows).reduce((sum, { bytes }) => sum + bytes, 0);
    clock.advance(60_000);
    const after = merged(flows).reduce((sum, { bytes }) => sum + bytes, 0);
    expect((after - before) / (60 * rate)).toBeGreaterThan(0.97);
    expect((after - before) / (60 * rate)).toBeLessThan(1.03);
    scheduler.close();
  });

  test('late ticks cost nothing as long as the bucket does not overflow', () => {
    const clock = new VirtualClock();
    const slow = {
      now: () => clock.now(),
      setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms + 15),
      clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
    };
    const scheduler = createScheduler(slow);
    const flow = new BulkFlow(clock, scheduler, { gapMs: 1 });
    clock.advance(1_000);
    const before = flow.total;
    clock.advance(10_000);
    expect((flow.total - before) / (10 * RATE)).toBeGreaterThan(0.99);
    scheduler.close();
  });

  test('is never exceeded by more than the burst, over any window, whatever the flows do', () => {
    const step = fc.record({
      flow: fc.nat(7),
      bytes: fc.oneof(fc.nat(3_000), fc.nat(200_000)),
      ms: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(400)),
      act: fc.constantFrom('ask', 'ask', 'ask', 'withdraw', 'suspend'),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 20_000_000 }),
        fc.integer({ min: 4_096, max: 62_500 }),
        fc.array(step, { maxLength: 150 }),
        (bytesPerSecond, burst, steps) => {
          const clock = new VirtualClock();
          const scheduler = createScheduler(clock, { bytesPerSecond, burst });
          const flows = Array.from({ length: 8 }, () => new RecordingFlow(clock, scheduler));
          for (const { flow, bytes, ms, act } of steps) {
            const chosen = flows[flow] as RecordingFlow;
            if (act === 'ask') chosen.ask(bytes);
            else if (act === 'withdraw') scheduler.withdraw(chosen);
            else clock.jump(ms * 100);
            clock.advance(ms);
          }
          expect(burstOf(merged(flows), bytesPerSecond / 1000)).toBeLessThanOrEqual(burst + 1e-3);
          scheduler.close();
        },
      ),
      { numRuns: 200 },
    );
  });

  test('after a suspended process there is a burst at most, and then the rate again', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const flow = new BulkFlow(clock, scheduler);
    clock.advance(2_000);
    clock.jump(3_600_000);
    const before = flow.total;
    clock.advance(1_000);
    expect(flow.total - before).toBeLessThanOrEqual(RATE + BURST);
    expect(flow.total - before).toBeGreaterThan(RATE * 0.97);
    scheduler.close();
  });

  test('without demand there is no timer; with demand there is one for all', () => {
    const clock = new VirtualClock();
    const schedulers = Array.from({ length: 50 }, () => createScheduler(clock));
    expect(clock.pending).toBe(0);
    const flows = schedulers.map((scheduler) => new RecordingFlow(clock, scheduler));
    for (const flow of flows) flow.ask(500_000);
    expect(clock.pending).toBe(1);
    clock.advance(1_000);
    expect(flows.map((flow) => flow.total)).toEqual(flows.map(() => 500_000));
    expect(clock.pending).toBe(0);
    expect(clock.fired).toBeLessThan(50);
  });
});

describe('bulk flows', () => {
  test('get equal shares: Jain 0.999 over 10 s at 16 connections', () => {
    for (const gapMs of [0, 1, 7]) {
      const clock = new VirtualClock();
      const scheduler = createScheduler(clock);
      const flows = Array.from({ length: 16 }, () => new BulkFlow(clock, scheduler, { gapMs }));
      clock.advance(10_000);
      expect(fairness(flows.map((flow) => flow.total))).toBeGreaterThan(0.999);
      scheduler.close();
    }
  });

  test('get equal shares whatever the size of their chunks', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const flows = [1_000, 4_096, 16_384, 65_536, 1_048_576].map(
      (chunk) => new BulkFlow(clock, scheduler, { chunk }),
    );
    clock.advance(10_000);
    expect(fairness(flows.map((flow) => flow.total))).toBeGreaterThan(0.999);
    scheduler.close();
  });

  test('a stalled flow leaves its share to the others, and gets it again when it comes back', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const [stalled, other] = [new BulkFlow(clock, scheduler), new BulkFlow(clock, scheduler)];
    clock.advance(1_000);
    scheduler.withdraw(stalled);
    const before = [stalled.total, other.total] as const;
    clock.advance(5_000);
    expect(stalled.total).toBe(before[0]);
    expect((other.total - before[1]) / (5 * RATE)).toBeGreaterThan(0.99);
    stalled.ask(10_000_000);
    const back = [stalled.total, other.total] as const;
    clock.advance(5_000);
    expect(fairness([stalled.total - back[0], other.total - back[1]])).toBeGreaterThan(0.999);
    scheduler.close();
  });

  test('a flow alone gets the whole rate, in one slice a tick', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const flow = new BulkFlow(clock, scheduler, { chunk: 100_000_000 });
    clock.advance(10_000);
    expect(flow.total / (10 * RATE)).toBeGreaterThan(0.99);
    expect(flow.grants.length).toBeLessThan(10 * 51);
    scheduler.close();
  });
});

describe('sparse flows', () => {
  test.each([8, 64])('a small message on a new connection does not wait behind %i bulk flows', (count) => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    for (let i = 0; i < count; i++) new BulkFlow(clock, scheduler, { gapMs: 1 });
    clock.advance(3_000);
    const latencies: number[] = [];
    for (let i = 0; i < 500; i++) {
      const flow = new SmallFlow(clock, scheduler);
      flow.send(2_000);
      clock.advance(13);
      latencies.push(...flow.latencies);
    }
    expect(latencies).toHaveLength(500);
    expect(quantile(latencies, 0.5)).toBeLessThan(1);
    expect(quantile(latencies, 0.99)).toBeLessThan(10);
    scheduler.close();
  });

  test.each([8, 64])('nor does one after another on the same connection, beside %i bulk flows', (count) => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    for (let i = 0; i < count; i++) new BulkFlow(clock, scheduler, { gapMs: 1 });
    clock.advance(3_000);
    const flow = new SmallFlow(clock, scheduler);
    for (let i = 0; i < 500; i++) {
      flow.send(2_000);
      clock.advance(10);
    }
    expect(flow.latencies).toHaveLength(500);
    expect(quantile(flow.latencies, 0.5)).toBeLessThan(1);
    expect(quantile(flow.latencies, 0.99)).toBeLessThan(10);
    scheduler.close();
  });

  test.each([
    [100_000, 4_096],
    [140_000, 5_600],
    [62_500, 49_152],
    [1_250_000, 49_152],
    [1_250_000, 1_000_000],
  ])('do not starve at %i bytes/s with a burst of %i bytes', (bytesPerSecond, burst) => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock, { bytesPerSecond, burst });
    for (let i = 0; i < 8; i++) new BulkFlow(clock, scheduler);
    clock.advance(3_000);
    const flow = new SmallFlow(clock, scheduler);
    for (let i = 0; i < 20; i++) {
      flow.send(1_200);
      clock.advance(500);
    }
    expect(flow.latencies).toHaveLength(20);
    expect(quantile(flow.latencies, 1)).toBeLessThan(60);
    scheduler.close();
  });

  test('together they leave half of the rate to the bulk flows', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const bulk = new BulkFlow(clock, scheduler);
    // Each message on a connection of its own, as fast as they pass: the most favoured traffic there is.
    let sparse = 0;
    let stop = false;
    const next = (): void => {
      if (stop) return;
      const flow = new SmallFlow(clock, scheduler);
      clock.setTimeout(() => flow.send(4_000, next), 0);
      sparse += 4_000;
    };
    for (let i = 0; i < 30; i++) next();
    clock.advance(10_000);
    stop = true;
    expect(bulk.total / (10 * RATE)).toBeGreaterThan(0.45);
    expect(sparse / (10 * RATE)).toBeGreaterThan(0.4);
    expect(burstOf(bulk.grants, RATE / 1000)).toBeLessThanOrEqual(BURST);
    scheduler.close();
  });

  test('a flow that goes on taking becomes a bulk flow, and gets no more than its share', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const flows = Array.from({ length: 7 }, () => new BulkFlow(clock, scheduler));
    // Pauses long enough to look new again, over and over.
    const greedy = new BulkFlow(clock, scheduler, { chunk: 8_000, gapMs: 201 });
    clock.advance(10_000);
    const share = flows.reduce((sum, flow) => sum + flow.total, 0) / 7;
    expect(greedy.total).toBeLessThan(share);
    expect(fairness(flows.map((flow) => flow.total))).toBeGreaterThan(0.999);
    scheduler.close();
  });
});

describe('the life of a flow', () => {
  test('a flow that leaves while another is served costs nothing and holds nothing', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const second = new RecordingFlow(clock, scheduler);
    class Ends extends RecordingFlow {
      override granted(bytes: number): void {
        super.granted(bytes);
        scheduler.withdraw(second);
      }
    }
    const first = new Ends(clock, scheduler);
    second.ask(10 * BURST);
    first.ask(10 * BURST);
    clock.advance(10_000);
    expect(first.total).toBe(10 * BURST);
    expect(second.total).toBeLessThan(2 * BURST);
    expect(scheduler.granted).toBe(first.total + second.total);
    expect(clock.pending).toBe(0);
  });

  test('asking again replaces what was asked for', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const flow = new RecordingFlow(clock, scheduler);
    flow.ask(10 * BURST);
    const had = flow.total;
    expect(had).toBeLessThan(2 * BURST);
    flow.ask(3_000);
    clock.advance(1_000);
    expect(flow.total).toBe(had + 3_000);
    expect(flow.waiting).toBe(false);
  });

  test('closing aborts what waits and whatever comes later', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const [waiting, later] = [new RecordingFlow(clock, scheduler), new RecordingFlow(clock, scheduler)];
    waiting.ask(1_000_000);
    scheduler.close();
    later.ask(1);
    expect(waiting.wasAborted).toBe(true);
    expect(later.wasAborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('waiting time is counted while at least one flow waits, once', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const flows = [new RecordingFlow(clock, scheduler), new RecordingFlow(clock, scheduler)];
    flows[0]?.ask(10_000);
    clock.advance(1_000);
    expect(scheduler.waitedMs).toBe(0);
    for (const flow of flows) flow.ask(625_000);
    clock.advance(500);
    expect(scheduler.waitedMs).toBe(500);
    clock.advance(2_000);
    // 1.25 MB less the burst: 0.96 s.
    expect(scheduler.waitedMs).toBeGreaterThan(950);
    expect(scheduler.waitedMs).toBeLessThan(990);
  });
});

describe('another rate', () => {
  const total = (flows: readonly RecordingFlow[]) => flows.reduce((sum, { total: bytes }) => sum + bytes, 0);

  test.each([
    ['lower', 10_000],
    ['higher', 12_500_000],
    ['lower than a slice a second', 1_000],
  ])('holds at once for flows that wait: %s', (_, bytesPerSecond) => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock);
    const flows = Array.from({ length: 4 }, () => new BulkFlow(clock, scheduler));
    clock.advance(5_000);
    const before = total(flows);
    const burst = Math.max(BURST, bytesPerSecond * 0.039);
    scheduler.change({ bytesPerSecond, burst });
    clock.advance(60_000);
    const bytes = total(flows) - before;
    expect(bytes).toBeGreaterThan(60 * bytesPerSecond * 0.97);
    expect(bytes).toBeLessThan(60 * bytesPerSecond * 1.03 + BURST);
    expect(fairness(flows.map((flow) => flow.total))).toBeGreaterThan(0.95);
    scheduler.close();
  });

  test('wakes who waited for a slow one', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock, { bytesPerSecond: 1_000 });
    const flow = new RecordingFlow(clock, scheduler);
    flow.ask(10_000_000);
    clock.advance(1_000);
    scheduler.change({ bytesPerSecond: 1e12, burst: 4e10 });
    clock.advance(20);
    expect(flow.want).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('leaves nothing of what a faster one had saved up', () => {
    const clock = new VirtualClock();
    const scheduler = createScheduler(clock, { bytesPerSecond: 125_000_000, burst: 4_875_000 });
    scheduler.change({ bytesPerSecond: 1_000, burst: BURST });
    const flow = new BulkFlow(clock, scheduler);
    clock.advance(100);
    expect(flow.total).toBeLessThanOrEqual(BURST + 200);
    scheduler.close();
  });
});
