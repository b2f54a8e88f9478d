import { describe, expect, it } from 'vitest';
import type { Check } from '../../../src/verify/check.js';
import { tooFast } from '../../../src/verify/checks/rate.js';
import { Evidence } from '../../../src/verify/evidence.js';
import type { Outcome, Result } from '../../../src/verify/inside/plan.js';
import { judge } from '../../../src/verify/judge.js';

const tcp = (mark: string) => ({
  name: `TCP ${mark}`,
  attempt: { do: 'tcp', host: '192.0.2.1', port: 80, mark } as const,
});
const check: Check = {
  group: 'a group',
  title: 'a title',
  tries: [tcp('jgv00000000m1'), tcp('jgv00000000m2')],
  controls: [{ ...tcp('jgv00000000m3'), from: 'here' }],
};

function evidenceOf(results: Record<string, Outcome>, arrived: readonly string[] = []): Evidence {
  const evidence = new Evidence(() => true);
  for (const [mark, outcome] of Object.entries(results))
    evidence.onSaid({ says: 'result', mark, outcome, detail: outcome, ms: 1 });
  for (const head of arrived)
    evidence.onSaid({ says: 'arrival', at: 'this host', over: 'tcp', port: 80, from: '192.0.2.9', head });
  return evidence;
}

const none = { jgv00000000m1: 'refused', jgv00000000m2: 'silent' } as const;

describe('a line', () => {
  it('is held where every try was made and failed, and the control succeeded', () => {
    expect(judge(check, evidenceOf({ ...none, jgv00000000m3: 'reached' }))).toMatchObject({
      state: 'held',
      detail: '2 tries: 1 refused, 1 silent',
    });
    // Its arrival is as good as its answer.
    expect(judge(check, evidenceOf({ ...none, jgv00000000m3: 'silent' }, ['jgv00000000m3']))).toMatchObject({
      state: 'held',
    });
  });

  it('leaks by an answer, or by what arrived although no answer came back', () => {
    expect(
      judge(
        check,
        evidenceOf({ jgv00000000m1: 'reached', jgv00000000m2: 'silent', jgv00000000m3: 'reached' }),
      ),
    ).toMatchObject({
      state: 'leaks',
      detail: 'TCP jgv00000000m1: reached',
    });
    const silent = judge(
      check,
      evidenceOf({ ...none, jgv00000000m3: 'reached' }, ['GET /JGV00000000M2 HTTP/1.1']),
    );
    expect(silent).toMatchObject({
      state: 'leaks',
      detail: 'TCP jgv00000000m2: arrived at this host, tcp 80',
    });
  });

  it('leaks whatever became of its control', () => {
    expect(judge(check, evidenceOf({ jgv00000000m1: 'reached' })).state).toBe('leaks');
    expect(judge({ ...check, missing: 'no outside' }, evidenceOf({ jgv00000000m1: 'reached' })).state).toBe(
      'leaks',
    );
  });

  it.each<[string, Check, Record<string, Outcome>]>([
    ['the control failed', check, { ...none, jgv00000000m3: 'silent' }],
    ['the control was not tried', check, none],
    ['a try was not made', check, { jgv00000000m1: 'refused', jgv00000000m3: 'reached' }],
    ['a try could not be made', check, { ...none, jgv00000000m1: 'error', jgv00000000m3: 'reached' }],
    ['it has no control', { ...check, controls: [] }, none],
    ['it has no try', { ...check, tries: [] }, { jgv00000000m3: 'reached' }],
    ['something is missing', { ...check, missing: 'no outside' }, { ...none, jgv00000000m3: 'reached' }],
  ])('is unknown where %s', (_, of, results) => {
    expect(judge(of, evidenceOf(results)).state).toBe('unknown');
  });

  it('takes no mark for one that begins with it', () => {
    expect(
      judge(check, evidenceOf({ ...none, jgv00000000m3: 'reached' }, ['jgv00000000m11', 'xjgv00000000m2x'])),
    ).toMatchObject({
      state: 'leaks',
      detail: expect.stringMatching(/^TCP jgv00000000m2: /),
    });
  });

  it('shows what a check has to say of what held', () => {
    const of: Check = { ...check, shows: ({ outcome }) => `it was ${outcome}` };
    expect(judge(of, evidenceOf({ ...none, jgv00000000m3: 'reached' })).detail).toBe(
      'it was refused; it was silent',
    );
  });

  it('leaves out what a check does not count', () => {
    const of: Check = { ...check, counts: ({ over }) => over === 'dns' };
    expect(judge(of, evidenceOf({ ...none, jgv00000000m3: 'reached' }, ['jgv00000000m1'])).state).toBe(
      'held',
    );
  });
});

describe('a rate', () => {
  const took = (ms: number): Result => ({ mark: '', outcome: 'reached', detail: '', ms, bytes: 3_125_000 });

  it.each([
    [2500, 0, undefined],
    [2300, 0, undefined],
    [2000, 0, '12.5 Mbit/s'],
    [2000, 625_000, undefined],
  ])('of 25 Mbit in %i ms, with a burst of %i bytes', (ms, burst, said) => {
    expect(tooFast(took(ms), 10_000_000, burst)).toBe(said);
  });
});
