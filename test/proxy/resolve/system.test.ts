import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemLookup } from '../../../proxy/resolve/system.js';
import { name, resolver } from './resolving.js';

describe('--dns system', () => {
  it('asks getaddrinfo', async () => {
    const found = await resolver({ dns: 'system' }).resolve(name('localhost'));
    expect(found.map((one) => one.address)).toContain('127.0.0.1');
    expect(found.every((one) => one.ttl === 0)).toBe(true);
  });

  it('tells a name that is not there from a failure', async () => {
    const lookup = systemLookup(((host: string) => {
      return Promise.reject(
        Object.assign(new Error(), { code: host.startsWith('gone') ? 'ENOTFOUND' : 'EAI_AGAIN' }),
      );
    }) as never);
    const { signal } = new AbortController();
    await expect(lookup(name('gone.test'), signal)).rejects.toMatchObject({ reason: 'name-not-found' });
    await expect(lookup(name('bad.test'), signal)).rejects.toMatchObject({
      reason: 'dns-failed',
      code: 'EAI_AGAIN',
    });
  });

  it("leaves half of libuv's threads to others, also when nobody waits for the answers any more", async () => {
    const started: (() => void)[] = [];
    const lookup = systemLookup(
      (() =>
        new Promise((resolve) =>
          started.push(() => resolve([{ address: '192.0.2.1', family: 4 }])),
        )) as never,
    );
    const abort = new AbortController();
    const abandoned = [1, 2, 3].map((i) => lookup(name(`a${i}.test`), abort.signal));
    const settled = Promise.allSettled(abandoned);
    await sleep(5);
    expect(started).toHaveLength(2);
    abort.abort(new Error('late'));
    expect((await settled).map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected']);
    const next = lookup(name('b.test'), new AbortController().signal);
    await sleep(5);
    expect(started).toHaveLength(2);
    started[0]?.();
    await sleep(5);
    expect(started).toHaveLength(3);
    started[1]?.();
    started[2]?.();
    expect((await next).addresses).toEqual([{ address: '192.0.2.1', family: 4, ttl: 0 }]);
  });

  it('serves jobs in the order of their questions, where their names together hold all threads', async () => {
    const answers: (() => void)[] = [];
    const never = (() =>
      new Promise((resolve) => answers.push(() => resolve([{ address: '192.0.2.1', family: 4 }])))) as never;
    const { signal } = new AbortController();
    const threads = Math.max(2, Number(process.env.UV_THREADPOOL_SIZE ?? 4) - 2);
    const hostile = Array.from({ length: threads }, () => systemLookup(never));
    const held = hostile.flatMap((lookup, job) =>
      [1, 2, 3].map((i) => lookup(name(`a${i}.of${job}.test`), signal)),
    );
    await sleep(5);
    expect(answers).toHaveLength(threads);
    const asked: string[] = [];
    const other = systemLookup(((host: string) => {
      asked.push(host);
      return Promise.resolve([{ address: '192.0.2.2', family: 4 }]);
    }) as never);
    const mine = other(name('mine.test'), signal);
    // Of each hostile job one question more is before it, not two.
    for (let i = 0; i <= threads; i++) {
      expect(asked).toEqual([]);
      answers[i]?.();
      await sleep(5);
    }
    expect((await mine).addresses).toHaveLength(1);
    for (let i = 0; i < held.length; i++) {
      answers[i]?.();
      await sleep(1);
    }
    await Promise.all(held);
  });
});
