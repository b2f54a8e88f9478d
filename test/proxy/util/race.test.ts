import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RaceError, race } from '../../../proxy/util/race.js';

const { signal } = new AbortController();

describe('a race of attempts', () => {
  it('does not give up on a slow attempt when the next one starts: slow origins are reached', async () => {
    const stopped: string[] = [];
    const attempt = async (name: string, stop: AbortSignal) => {
      stop.addEventListener('abort', () => stopped.push(name));
      await sleep(name === 'slow' ? 60 : 10_000, undefined, { signal: stop });
      return name;
    };
    expect(await race(['slow', 'never', 'ever'], attempt, { staggerMs: 20, signal })).toBe('slow');
    expect(stopped).toContain('never');
  });

  it('discards what an attempt yields too late', async () => {
    const discarded: string[] = [];
    const attempt = async (name: string) => {
      await sleep(name === 'first' ? 30 : 1);
      return name;
    };
    const options = { staggerMs: 5, signal, discard: (name: string) => discarded.push(name) };
    expect(await race(['first', 'second'], attempt, options)).toBe('second');
    await sleep(50);
    expect(discarded).toEqual(['first']);
  });

  it('that all lose says why, one after the other', async () => {
    const attempt = (name: string) => Promise.reject(new Error(name));
    const lost = race(['a', 'b'], attempt, { staggerMs: 10_000, signal });
    await expect(lost).rejects.toMatchObject({ errors: [new Error('a'), new Error('b')] });
    await expect(race([], attempt, { staggerMs: 1, signal })).rejects.toThrow(RaceError);
  });
});
