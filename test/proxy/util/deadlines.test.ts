import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let deadline: typeof import('../../../proxy/util/deadlines.js').deadline;
beforeEach(async () => {
  // Tests before may have left it a timer of the real clock.
  vi.resetModules();
  ({ deadline } = await import('../../../proxy/util/deadlines.js'));
  vi.useFakeTimers();
});
afterEach(() => void vi.useRealTimers());

test('each is done at its time, unless it was called off or began anew, and one timer serves all', () => {
  const done: string[] = [];
  const start = performance.now();
  const begin = (name: string) =>
    deadline(1_000, () => done.push(`${name} ${Math.round(performance.now() - start)}`));
  begin('first');
  vi.advanceTimersByTime(100);
  const second = begin('second');
  const third = begin('third');
  const fourth = begin('fourth');
  vi.advanceTimersByTime(300);
  second.clear();
  third.refresh();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(done).toEqual(['first 1000', 'fourth 1100', 'third 1400']);
  expect(vi.getTimerCount()).toBe(0);
  fourth.clear();
  fourth.refresh();
  vi.advanceTimersByTime(1_000);
  expect(done.at(-1)).toBe('fourth 3400');
});

test('what is due after another time does not wait for it, and a mistake stops none behind it', () => {
  const done: string[] = [];
  deadline(500, () => done.push('500'));
  deadline(20, () => {
    throw new Error('a mistake');
  });
  deadline(20, () => done.push('20'));
  expect(() => vi.advanceTimersByTime(20)).toThrow('a mistake');
  vi.advanceTimersByTime(100);
  expect(done).toEqual(['20']);
  vi.advanceTimersByTime(500);
  expect(done).toEqual(['20', '500']);
});
