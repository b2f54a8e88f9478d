import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Idler, IdleWatch } from '../../../proxy/tunnel/idle.js';

describe('what is idle ends', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Something with a count of its bytes, and what it was told. */
  class Subject implements Idler {
    bytes = 0;
    waits = false;
    readonly told: string[] = [];
    activity = () => this.bytes;
    waiting = () => this.waits;
    lasting = () => void this.told.push('lasting');
    idle = () => void this.told.push('idle');
  }

  test('after the time and at most a quarter more, and what has bytes or waits for tokens does not', () => {
    const watch = new IdleWatch(1_000);
    const [idle, busy, waiting] = [new Subject(), new Subject(), new Subject()];
    waiting.waits = true;
    for (const one of [idle, busy, waiting]) watch.add(one);
    for (let ms = 0; ms < 1_240; ms += 10) {
      busy.bytes++;
      vi.advanceTimersByTime(10);
      if (ms < 990) expect(idle.told).not.toContain('idle');
    }
    vi.advanceTimersByTime(20);
    expect(idle.told).toEqual(['lasting', 'idle']);
    for (const one of [busy, waiting]) expect(one.told).toEqual(['lasting']);
  });

  test('though others are gone before, and with the last one the timer is', () => {
    const watch = new IdleWatch(1_000);
    const [first, second] = [new Subject(), new Subject()];
    watch.add(first);
    watch.add(second);
    watch.delete(first);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1_300);
    expect([first.told, second.told]).toEqual([[], ['lasting', 'idle']]);
    watch.delete(second);
    expect(vi.getTimerCount()).toBe(0);
    watch.add(first);
    expect(vi.getTimerCount()).toBe(1);
    watch.delete(first);
  });
});
