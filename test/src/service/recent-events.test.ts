import { describe, expect, it } from 'vitest';
import type { ServiceEvent } from '../../../src/service/event-hub.js';
import { RecentEvents } from '../../../src/service/recent-events.js';

const opened = (gateway: string, time: number, reason = ''): ServiceEvent => ({
  ...{ type: 'gateway', time, gateway, job: gateway, change: 'opened', reason },
});
const jobsOf = (events: readonly ServiceEvent[]) => events.map(({ job }) => job);

describe('the last events', () => {
  it('come in their order, whichever gateway they are of, since a time', () => {
    const recent = new RecentEvents();
    for (const [i, gateway] of ['a', 'b', 'a', 'c'].entries()) recent.add(opened(gateway, i));
    expect(jobsOf(recent.since(0))).toEqual(['a', 'b', 'a', 'c']);
    expect(jobsOf(recent.since(2))).toEqual(['a', 'c']);
    expect(recent.since(4)).toEqual([]);
  });

  it('a job that makes a hundred thousand pushes out its own alone', () => {
    const recent = new RecentEvents();
    for (let i = 0; i < 100; i++) recent.add(opened('quiet', i));
    for (let i = 0; i < 100_000; i++) recent.add(opened('loud', i));
    const kept = jobsOf(recent.since(0));
    expect(kept.filter((job) => job === 'quiet')).toHaveLength(100);
    expect(kept.length).toBeGreaterThan(1_000);
    expect(kept.length).toBeLessThanOrEqual(3_000);
    expect(recent.since(0).at(-1)).toEqual(opened('loud', 99_999));
  });

  it('are of so much text at most, and one that is larger is not kept', () => {
    const recent = new RecentEvents();
    recent.add(opened('quiet', 0));
    for (let i = 0; i < 200; i++) recent.add(opened('long', i, 'x'.repeat(20_000)));
    expect(JSON.stringify(recent.since(0)).length).toBeLessThan(1.1 * (1 << 20));
    expect(jobsOf(recent.since(0))).toContain('quiet');
    recent.add(opened('longer', 0, 'x'.repeat(2 << 20)));
    expect(jobsOf(recent.since(0))).not.toContain('longer');
  });
});
