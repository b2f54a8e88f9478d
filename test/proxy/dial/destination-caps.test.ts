import { describe, expect, it } from 'vitest';
import { DestinationCaps, type JobLeases } from '../../../proxy/dial/destination-caps.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const LIMITS = {
  connections: 1_000,
  destinationConnections: 240,
  destinationConnectionsPerSecond: 1_000_000,
};

/** Takes one by one what there is, at most so many. */
function take(leases: JobLeases, most = Number.POSITIVE_INFINITY, destination = '192.0.2.1'): number {
  let taken = 0;
  while (taken < most && leases.lease(destination, 1) === 1) taken++;
  return taken;
}

describe('the connections of a node to one destination', () => {
  it('are half in equal parts, one more than there are jobs, and half for whoever comes', () => {
    const caps = new DestinationCaps(new VirtualClock());
    const [greedy, other, late] = [caps.ofJob(LIMITS), caps.ofJob(LIMITS), caps.ofJob(LIMITS)];
    expect(take(greedy)).toBe(60 + 120);
    // One that comes then finds its part, however much the others have.
    expect(take(other)).toBe(40);
    expect(take(late)).toBe(20);
    expect(take(greedy)).toBe(0);
    expect(take(greedy, 10, '192.0.2.2')).toBe(10);
  });

  it('are for others again when they are closed, or their job is', () => {
    const caps = new DestinationCaps(new VirtualClock());
    const [one, other] = [caps.ofJob(LIMITS), caps.ofJob(LIMITS)];
    expect(take(one)).toBe(180);
    one.giveBack('192.0.2.1', 100);
    expect(take(other)).toBeGreaterThan(100);
    other.close();
    expect(take(one)).toBe(100);
  });

  it('begin no faster than the rate, of which a job that comes late has its part', () => {
    const clock = new VirtualClock();
    const caps = new DestinationCaps(clock);
    const limits = {
      connections: 1_000,
      destinationConnections: 10_000,
      destinationConnectionsPerSecond: 120,
    };
    const [fast, late] = [caps.ofJob(limits), caps.ofJob(limits)];
    expect(take(fast)).toBe(60 + 30);
    expect(take(late)).toBe(20);
    for (let i = 0; i < 10; i++) {
      clock.advance(100);
      const [took, left] = [take(fast), take(late)];
      expect(took + left).toBeLessThanOrEqual(12);
      expect(left).toBeGreaterThanOrEqual(i === 0 ? 1 : 2);
    }
  });

  it('are no more than a job may have, wherever they lead, whatever its worker says', () => {
    const caps = new DestinationCaps(new VirtualClock());
    const job = caps.ofJob({ ...LIMITS, connections: 10 });
    let taken = 0;
    for (let i = 0; i < 100; i++) taken += take(job, 1, `192.0.2.${i}`);
    expect(taken).toBe(20);
    job.giveBack('192.0.2.1', 1_000);
    expect(take(job)).toBe(1);
  });

  it('are forgotten once they are over', () => {
    const clock = new VirtualClock();
    const caps = new DestinationCaps(clock);
    const job = caps.ofJob(LIMITS);
    for (let i = 0; i < 100; i++) {
      take(job, 1, `192.0.2.${i}`);
      job.giveBack(`192.0.2.${i}`, 1);
    }
    expect(caps.size).toBe(100);
    clock.advance(1_000);
    take(job, 1);
    expect(caps.size).toBeLessThanOrEqual(2);
  });
});
