import { describe, expect, it } from 'vitest';
import { parseExactJson } from '../../admission/exact-json.js';
import type { Job } from '../../admission/job.js';
import { parseJobFile } from '../../admission/job-file.js';
import { parseJobSpec } from '../../admission/job-spec.js';

/** Network of the job, or what is wrong, to whoever reads the text as a file. */
function fromFile(text: string): Job | string {
  const parsed = parseJobFile(text, 'job', { purpose: 'admission' });
  return parsed.ok ? parsed.value : parsed.problems.join('\n');
}

/** The same of the body of a request. */
function fromBody(text: string): Job | string {
  try {
    const parsed = parseJobSpec(parseExactJson(text), { purpose: 'admission' });
    return parsed.ok
      ? parsed.value
      : parsed.problems.map(({ path, problem }) => `${path}: ${problem}`).join('\n');
  } catch (error) {
    return (error as Error).message;
  }
}

const job = (network: string) => `{"Tasks":[{"Name":"main",${network}}]}`;
const NONE = '{"Type":"None"}';
const HOST = '{"Type":"Host"}';

describe('what one reader takes for Host and another for None', () => {
  it.each<[string, string, string]>([
    ['a key twice', job(`"Network":${NONE},"Network":${HOST}`), 'is there twice'],
    ['an escaped key', job(`"Network":${NONE},"\\u004eetwork":${HOST}`), 'is there twice'],
    ['a field twice', job('"Network":{"Type":"None","Type":"Host"}'), 'is there twice'],
    ['two letter cases', job(`"Network":${NONE},"network":${HOST}`), 'the same field as Network'],
    ['two letter cases of a field', job('"Network":{"Type":"None","TYPE":"Host"}'), 'the same field as Type'],
    ['a Kelvin sign', job(`"Network":${NONE},"Networ\u212A":${HOST}`), 'the same field as Network'],
    ['a Kelvin sign alone', job(`"Networ\u212A":${HOST}`), 'write Network'],
    ['a long s', `{"Tasks":[{}],"Ta\u017Fks":[{"Network":${HOST}}]}`, 'the same field as Tasks'],
    ['a long s alone', `{"Ta\u017Fks":[{"Network":${HOST}}]}`, 'write Tasks'],
    [
      'two jobs',
      `{"Job":${job(`"Network":${NONE}`)},"JOB":${job(`"Network":${HOST}`)}}`,
      'the same field as Job',
    ],
    ['a job and its wrapper', `{"Tasks":[{}],"Job":${job(`"Network":${HOST}`)}}`, 'says twice'],
    ['both shapes', `{"Tasks":[{}],"\u017Fpec":{"Network":${HOST}}}`, 'says twice'],
    ['an old shape', `{"Spec":{"Network":${NONE},"Networ\u212A":${HOST}}}`, 'the same field as Network'],
    ['an old shape alone', `{"\u017Fpec":{"Network":${HOST}}}`, 'write spec'],
    ['a merge key in JSON', job(`"<<":{"Network":${HOST}}`), 'some readers merge it'],
  ])('is refused: %s', (_, text, problem) => {
    // JSON is a file as well, and YAML's flow form is.
    for (const said of [fromBody(text), fromFile(text), fromFile(`--- ${text}`)]) {
      expect(said).toContain(problem);
    }
  });

  it('is not what one reader alone could take so', () => {
    const text = `{"Meta":{"a":"1","A":"2","Ta\u017Fks":"x"},"Labels":{"<<":"y"},"Tasks":[{"Network":${NONE},"Env":{"a":"1","A":"2"}}]}`;
    for (const said of [fromBody(text), fromFile(text), fromFile(`--- ${text}`)]) {
      expect(said).toMatchObject({ network: { type: 'None' } });
    }
  });
});

describe('merge keys of YAML', () => {
  it.each<[string, string, string]>([
    ['one mapping', 'x: &x {Network: {Type: Host}}\nTasks: [{<<: *x, Name: a}]', 'Host'],
    [
      'what is written out beats it',
      'x: &x {Network: {Type: Host}}\nTasks: [{<<: *x, Network: {Type: None}}]',
      'None',
    ],
    ['before or after', 'x: &x {Network: {Type: Host}}\nTasks: [{Network: {Type: None}, <<: *x}]', 'None'],
    [
      'of a list the first',
      'x: &x {Type: Host}\ny: &y {Type: None}\nTasks: [{Network: {<<: [*x, *y]}}]',
      'Host',
    ],
    ['through another', 'x: &x {Type: Host}\ny: &y {<<: *x}\nTasks: [{Network: {<<: *y}}]', 'Host'],
    ['at the top', '<<: {Tasks: [{Network: {Type: Bridge}}]}', 'Bridge'],
    ['without an anchor', 'Tasks: [{Network: {<<: {Type: Host}}}]', 'Host'],
    ['the anchor before it', 'x: &x {Type: Host}\nTasks: [{Network: {<<: *x}}]\ny: &x {Type: None}', 'Host'],
  ])('are merged: %s', (_, text, type) => {
    expect(fromFile(text)).toMatchObject({ network: { type } });
  });

  it.each<[string, string, string]>([
    [
      'with another spelling beside it',
      'x: &x {network: {Type: Host}}\nTasks: [{<<: *x, Network: {Type: None}}]',
      'the same field as',
    ],
    ['of no mapping', 'Tasks: [{<<: 7}]', 'job:1:14: << takes a mapping or a list of mappings'],
    ['of a list of lists', 'x: &x [{}]\nTasks: [{<<: [*x]}]', '<< takes a mapping'],
    ['twice', 'Tasks: [{<<: {}, <<: {}}]', 'the key "<<" is there twice'],
    ['quoted', 'Tasks: [{"<<": {Network: {Type: Host}}}]', 'some readers merge it'],
    ['of nothing', 'Tasks: [{<<: *x}]', 'job:1:'],
  ])('are refused: %s', (_, text, problem) => {
    expect(fromFile(text)).toContain(problem);
  });
});

describe('large integers', () => {
  it('keep their digits', () => {
    const text =
      '{"CreateTime": 1700000000123456789, "Tasks": [{"Timeouts": {"ExecutionTimeout": 9223372036854775807}}]}';
    for (const said of [fromBody(text), fromFile(text), fromFile(`--- ${text}`)]) {
      expect(said).toMatchObject({
        spec: { CreateTime: 1_700_000_000_123_456_789n },
        timeoutMs: 2 ** 63 * 1000,
      });
    }
  });
});

it('YAML of other versions, keys that are no text, and a second document are refused', () => {
  expect(fromFile('%YAML 1.1\n---\nTasks: [{}]')).toContain('YAML 1.1 is not read');
  expect(fromFile('? {a: 1}\n: 1\n')).toContain('a key must be plain text');
  expect(fromFile('Tasks: [{}]\n---\nTasks: [{Network: {Type: Host}}]')).toContain('more than one document');
});
