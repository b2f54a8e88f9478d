import { describe, expect, it } from 'vitest';
import { Evidence } from '../../../src/verify/evidence.js';
import type { Plan } from '../../../src/verify/inside/plan.js';
import { saidReader } from '../../../src/verify/said.js';
import { Marks } from '../../../src/verify/world.js';

const plan: Plan = {
  token: 'word',
  waitMs: 0,
  attempts: [{ do: 'tcp', host: '192.0.2.1', port: 80, mark: 'mine' }],
};
const listening: Plan = { ...plan, listen: { at: 'another job', addresses: [], tcp: [], udp: [] } };
const result = { says: 'result', mark: 'mine', outcome: 'refused', detail: 'x', ms: 1 } as const;
const arrival = {
  says: 'arrival',
  at: 'this host',
  over: 'tcp',
  port: 80,
  from: '192.0.2.9',
  head: 'h',
} as const;
const read = (of: Plan, said: object | string) =>
  saidReader(of)(typeof said === 'string' ? said : JSON.stringify(said));

describe('what a prober says', () => {
  it('of its own attempts is taken, and not of those of others', () => {
    expect(read(plan, result)).toEqual(result);
    expect(read(plan, { ...result, mark: 'another' })).toBeUndefined();
  });

  it('of arrivals is taken where it listens, by the name that it was given', () => {
    expect(read(plan, arrival)).toBeUndefined();
    expect(read(listening, arrival)).toEqual({ ...arrival, at: 'another job' });
  });

  it.each([
    ['no JSON', 'Debugger attached.'],
    ['no object', 'null'],
    ['an outcome that there is not', { ...result, outcome: 'held' }],
    ['a time that is none', { ...result, ms: '1' }],
    ['an answer that is no text', { ...result, heard: { length: 9 } }],
    ['a port that is none', { ...arrival, port: 65_536 }],
    ['addresses that are none', { says: 'done', addresses: [1] }],
  ])('is nothing where it is %s', (_, said) => {
    expect(read(listening, said)).toBeUndefined();
  });

  it('is cut where it is long', () => {
    expect(read(plan, { ...result, heard: 'x'.repeat(5000) })).toMatchObject({ heard: 'x'.repeat(1024) });
  });
});

describe('evidence', () => {
  const marks = new Marks();
  const mark = marks.next();

  it('has no arrivals without a mark that was given', () => {
    const evidence = new Evidence(marks.has);
    const never = 'jgv00000000m9';
    evidence.onSaid({ ...arrival, head: `${never} ${mark.toUpperCase()}` });
    expect(evidence.withMark(mark)).toHaveLength(1);
    expect(evidence.withMark(never)).toEqual([]);
  });

  it('keeps a hundred of a mark, and what comes to another listener after that', () => {
    const evidence = new Evidence(marks.has);
    for (let i = 0; i < 1000; i++) {
      evidence.onSaid({ ...arrival, head: mark });
      evidence.onSaid({ ...result, mark });
    }
    evidence.onSaid({ ...arrival, at: 'the outside', head: mark });
    expect(evidence.results(mark)).toHaveLength(100);
    expect(evidence.withMark(mark)).toHaveLength(101);
    expect(evidence.withMark(mark).at(-1)).toMatchObject({ at: 'the outside' });
  });
});
