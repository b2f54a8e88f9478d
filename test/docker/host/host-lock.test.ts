import { expect, it, vi } from 'vitest';
import { withHostLock } from '../../../docker/host/host-lock.js';

const name = (of: string) => `test-${process.pid}-${of}`;

/** Holds a lock until it is let go. */
function hold(lock: string, places = 1) {
  let letGo = () => {};
  const end = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let done: Promise<void> = end;
  const inside = new Promise<void>((enter) => {
    const work = () => {
      enter();
      return end;
    };
    done = withHostLock(lock, work, { places });
  });
  return { inside, letGo, done };
}

it('is had at once where nobody holds it, and by who waits once it is let go', async () => {
  const pauses = vi.spyOn(Math, 'random');
  const first = hold(name('one'));
  await first.inside;
  expect(pauses).not.toHaveBeenCalled();

  const second = hold(name('one'));
  const entered = vi.fn();
  void second.inside.then(entered);
  await vi.waitFor(() => expect(pauses).toHaveBeenCalled());
  expect(entered).not.toHaveBeenCalled();
  first.letGo();
  await second.inside;
  second.letGo();
  await Promise.all([first.done, second.done]);
});

it('is not in the way of another name', async () => {
  const first = hold(name('a'));
  await first.inside;
  expect(await withHostLock(name('b'), () => 'done')).toBe('done');
  first.letGo();
  await first.done;
});

it('with two places is held by two and no third', async () => {
  const pauses = vi.spyOn(Math, 'random');
  const [first, second] = [hold(name('two'), 2), hold(name('two'), 2)];
  await Promise.all([first.inside, second.inside]);
  pauses.mockClear();
  const third = hold(name('two'), 2);
  const entered = vi.fn();
  void third.inside.then(entered);
  await vi.waitFor(() => expect(pauses).toHaveBeenCalled());
  expect(entered).not.toHaveBeenCalled();
  second.letGo();
  await third.inside;
  first.letGo();
  third.letGo();
  await Promise.all([first.done, second.done, third.done]);
});

it('does the work without it when patience ends, and lets go of it when the work fails', async () => {
  const first = hold(name('patience'));
  await first.inside;
  expect(await withHostLock(name('patience'), () => 'done', { patienceMs: 30 })).toBe('done');
  first.letGo();
  await first.done;

  const fail = () => Promise.reject(new Error('no work'));
  await expect(withHostLock(name('patience'), fail)).rejects.toThrow('no work');
  const next = hold(name('patience'));
  await next.inside;
  next.letGo();
  await next.done;
});
