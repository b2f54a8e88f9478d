import { expect, test } from 'vitest';
import { parsePolicy } from '../../../proxy/policy/parse-policy.js';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';
import { PolicyError } from '../../../proxy/policy/policy-error.js';

const parse = (rate: number | null, burst = DEFAULT_OPERATOR_POLICY.burst) =>
  parsePolicy({ job: { job: 'job-1', allow: [], rate }, operator: { ...DEFAULT_OPERATOR_POLICY, burst } });

test('a rate is one that a bucket can keep, and so is the burst where there is one', () => {
  expect(parse(10_000_000).policy.job.rate).toBe(10_000_000);
  for (const rate of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => parse(rate), String(rate)).toThrow(PolicyError);
  }
  expect(() => parse(10_000_000, 0)).toThrow(PolicyError);
  // Nobody asks for it without a rate.
  expect(parse(null, 0).policy.job.rate).toBeNull();
});
