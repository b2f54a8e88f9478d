import { describe, expect, it } from 'vitest';
import { type DescriptorShare, Descriptors } from '../../../proxy/accept/descriptors.js';

/** Takes so many connections, or all that there are, and gives what gives them back. */
function take(share: DescriptorShare, connections = Number.POSITIVE_INFINITY): (() => void)[] {
  const taken: (() => void)[] = [];
  for (let release = share.acquire(); release; release = share.acquire()) {
    taken.push(release);
    if (taken.length === connections) break;
  }
  return taken;
}

describe('the descriptors of a process', () => {
  it('are half for whoever comes, and half in equal parts: a job that takes all it can leaves the others theirs', () => {
    const all = new Descriptors(400);
    const greedy = all.share();
    const others = [1, 2, 3].map(() => all.share());
    // Of 200 connections, 100 for whoever comes; 25 of the others for each of four.
    expect(take(greedy)).toHaveLength(100);
    for (const other of others) expect(take(other)).toHaveLength(25);
    expect(greedy.acquire()).toBeUndefined();
  });

  it('are given back, by connections and with a job', () => {
    const all = new Descriptors(40);
    const [one, other] = [all.share(), all.share()];
    const taken = take(one);
    expect(taken).toHaveLength(10);
    for (const release of taken) release();
    expect(take(other)).toHaveLength(10);
    other.close();
    // Alone now: all of the second half is its.
    expect(take(one)).toHaveLength(10);
  });

  it('are as many as the process may open, less a reserve', () => {
    expect(take(new Descriptors().share(), 20)).toHaveLength(20);
  });
});
