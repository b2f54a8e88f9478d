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
  it('are half in equal parts, and half for whoever wants more: a job that takes all it can leaves the others theirs', () => {
    const all = new Descriptors(400);
    const greedy = all.share();
    const others = [1, 2, 3].map(() => all.share());
    // Of 200 connections 25 for each of four, and 100 for whoever comes.
    expect(take(greedy)).toHaveLength(125);
    for (const other of others) expect(take(other)).toHaveLength(25);
    expect(greedy.acquire()).toBeUndefined();
  });

  it('are all for a job that is alone, also when another one has gone', () => {
    const all = new Descriptors(40);
    const [one, other] = [all.share(), all.share()];
    expect(take(other)).toHaveLength(15);
    other.close();
    expect(take(one)).toHaveLength(20);
    expect(all.share().acquire()).toBeUndefined();
  });

  it('are given back with their connections', () => {
    const one = new Descriptors(40).share();
    for (const release of take(one)) release();
    expect(take(one)).toHaveLength(20);
  });

  it('are as many as the process may open, less a reserve', () => {
    expect(take(new Descriptors().share(), 20)).toHaveLength(20);
  });
});
