import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { during } from '../../src/progress.js';

let said: string;

beforeEach(() => {
  said = '';
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Work of so many ms, told to whoever is at stderr. */
async function work(
  ms: number,
  { isTTY }: { isTTY: boolean },
  what: Parameters<typeof during>[0] = 'working',
) {
  const before = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY');
  Object.defineProperty(process.stderr, 'isTTY', { value: isTTY, configurable: true });
  try {
    const done = during(what, () => new Promise((resolve) => setTimeout(resolve, ms, 'done')));
    await vi.advanceTimersByTimeAsync(ms);
    expect(await done).toBe('done');
    // Nothing goes on behind it.
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    if (before) Object.defineProperty(process.stderr, 'isTTY', before);
    else Reflect.deleteProperty(process.stderr, 'isTTY');
  }
}

it('work of less than a second is not spoken of', async () => {
  await work(999, { isTTY: true });
  expect(said).toBe('');
});

it('work that takes longer is, to a person at a terminal, and again now and then', async () => {
  await work(1_001, { isTTY: true });
  expect(said).toBe('jobgate: working …\n');
  said = '';
  await work(22_000, { isTTY: true });
  expect(said).toBe('jobgate: working …\njobgate: working (11 s)\njobgate: working (21 s)\n');
});

it('never in a pipe', async () => {
  await work(60_000, { isTTY: false });
  expect(said).toBe('');
});

it('what it says is what is done by then, and nothing that a terminal obeys', async () => {
  let layers = 0;
  await work(12_000, { isTTY: true }, () => `pulling \x1b[2J, ${++layers} layers`);
  expect(said).toBe('jobgate: pulling \\x1b[2J, 1 layers …\njobgate: pulling \\x1b[2J, 2 layers (11 s)\n');
});

it('work that fails is silent from then on', async () => {
  Object.defineProperty(process.stderr, 'isTTY', { value: true, configurable: true });
  try {
    await expect(during('working', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    Reflect.deleteProperty(process.stderr, 'isTTY');
  }
});
