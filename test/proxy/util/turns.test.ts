import { describe, expect, it } from 'vitest';
import { Turns } from '../../../proxy/util/turns.js';

/** Work that takes so many ms of a clock that nothing else moves. */
function setUp() {
  let now = 0;
  const done: string[] = [];
  const turns = new Turns(2, () => now);
  const work =
    (name: string, ms = 1) =>
    () => {
      done.push(name);
      now += ms;
    };
  const round = () => new Promise((resolve) => setImmediate(resolve));
  return { turns, done, work, round };
}

describe('the turns of jobs', () => {
  it('let one that has had its turn wait for the next round, and what has waited goes first', async () => {
    const { turns, done, work, round } = setUp();
    const job = turns.ofJob();
    job.run(work('a', 1));
    expect(job.mayBegin).toBe(true);
    job.run(work('b', 3));
    expect(job.mayBegin).toBe(false);
    for (const name of ['c', 'd', 'e']) job.wait(work(name));
    expect(done).toEqual(['a', 'b']);
    await round();
    expect(done).toEqual(['a', 'b', 'c', 'd']);
    expect(job.mayBegin).toBe(false);
    await round();
    expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
    await round();
    expect(job.mayBegin).toBe(true);
  });

  it('have what was too little to end a turn in the next one', async () => {
    const { turns, work, round } = setUp();
    const job = turns.ofJob();
    job.run(work('a', 0.4));
    await round();
    job.run(work('b', 1.5));
    expect(job.mayBegin).toBe(true);
    job.run(work('c', 0.2));
    expect(job.mayBegin).toBe(false);
    await round();
    expect(job.mayBegin).toBe(true);
  });

  it('go round: what one has left does not keep another waiting', async () => {
    const { turns, done, work, round } = setUp();
    const [busy, other] = [turns.ofJob(), turns.ofJob()];
    for (let i = 0; i < 100; i++) busy.wait(work('busy'));
    await round();
    expect(done).toHaveLength(2);
    expect(other.mayBegin).toBe(true);
    other.wait(work('other'));
    await round();
    expect(done).toEqual(['busy', 'busy', 'busy', 'busy', 'other']);
  });

  it('end with their job', async () => {
    const { turns, done, work, round } = setUp();
    const job = turns.ofJob();
    job.wait(work('a'));
    job.close();
    await round();
    expect(done).toEqual([]);
  });
});
