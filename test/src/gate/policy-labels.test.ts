import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { readPolicyLabels } from '../../../src/gate/policy-labels.js';

const config = (env: Record<string, string> = {}) =>
  loadConfig({ env: { JOBGATE_GATE_LISTEN: 'unix:/run/x', JOBGATE_RATE: '10mbit', ...env } });

it('a container without labels gets what the operator gives to all, which is nothing unless said', async () => {
  expect(readPolicyLabels({}, await config())).toEqual({ domains: [], rate: 10_000_000 });
  const given = await config({ JOBGATE_GATE_DEFAULT: '.Example.com' });
  expect(readPolicyLabels({ other: 'label' }, given).domains).toEqual(['.example.com']);
  expect(readPolicyLabels({ 'jobgate.network': 'none' }, given).domains).toEqual([]);
  expect(readPolicyLabels({ 'jobgate.domains': 'a.test' }, given).domains).toEqual(['a.test']);
  // That is another's.
  expect(readPolicyLabels({ 'jobgate.domains': 'a.test', 'x.jobgate.y': 'z' }, given).domains).toEqual([
    'a.test',
  ]);
});

it('labels say domains, a rate, a budget and a job', async () => {
  const labels = {
    ...{ 'jobgate.network': 'HTTP', 'jobgate.domains': 'example.com, .example.org,a.test:8443' },
    ...{ 'jobgate.rate': '5mbit', 'jobgate.job': 'job-1', 'jobgate.budget': 'up=1GB' },
  };
  expect(readPolicyLabels(labels, await config())).toEqual({
    ...{ domains: ['example.com', '.example.org', 'a.test:8443'], rate: 5_000_000, job: 'job-1' },
    budget: { up: 1e9 },
  });
});

it.each([
  [{ 'jobgate.network': 'bridge' }, /the gate has none and http/],
  [{ 'jobgate.network': 'http' }, /needs domains/],
  [{ 'jobgate.network': 'none', 'jobgate.domains': 'a.test' }, /contradict/],
  [{ 'jobgate.domains': '*.example.com' }, /jobgate\.domains: .*\.example\.com/],
  [{ 'jobgate.domains': 'http://example.com' }, /jobgate\.domains/],
  [{ 'jobgate.domain': 'example.com' }, /is none of/],
  [{ 'Jobgate.Domains': 'example.com' }, /is none of/],
  [{ 'jobgate.rate': 'fast' }, /jobgate\.rate/],
  [{ 'jobgate.rate': '11mbit' }, /at most 10000000/],
  [{ 'jobgate.rate': 'unlimited' }, /at most/],
  [{ 'jobgate.budget': '1GB' }, /label jobgate\.budget: .*is none of up, down/],
  [{ 'jobgate.job': 'a b' }, /jobgate\.job/],
] as [Record<string, string>, RegExp][])('%j is refused', async (labels, problem) => {
  const read = await config();
  expect(() => readPolicyLabels(labels, read)).toThrow(problem);
});
