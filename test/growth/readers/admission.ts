import { parseAllowedMount } from '../../../admission/allowed-mounts.js';
import { domainLines } from '../../../admission/domain-file.js';
import { parseExactJson } from '../../../admission/exact-json.js';
import { parseJobFile } from '../../../admission/job-file.js';
import { parseJobSpec } from '../../../admission/job-spec.js';
import { nearest } from '../../../admission/known-keys.js';
import { spokenReason } from '../../../admission/probe.js';
import { parseCpu } from '../../../admission/quantities.js';
import { parseBytes } from '../../../proxy/policy/bytes.js';
import type { Reader } from '../growth.js';

const YAML = [
  'Name: a\nType: batch\nCount: 1\nTasks:\n  - Name: main\n    Engine:\n      Type: docker\n      Params:\n' +
    '        Image: alpine:3.20\n        Parameters: [sh, -c, "true"]\n        EnvironmentVariables: [A=b]\n' +
    '    Env: {A: b, C: d}\n    Network: {Type: HTTP, Domains: [example.com, .b.com]}\n' +
    '    Resources: {CPU: 500m, Memory: 1Gb, GPU: " 1 "}\n    Meta: {a: {b: [1, 2]}}\n',
  'Tasks:\n  - &a {Name: main, Meta: [*a, &b x, *b]}\n  - <<: *a\n  - |\n    text\n    more\n  - >-\n    text\n # a comment\n',
  '? a\n: - b\n  - "c\\u00e9"\n  - \'d\'\n--- !!str\n%YAML 1.2\n',
];
const JOB = {
  Name: 'a',
  Type: 'batch',
  Tasks: [
    {
      Name: 'main',
      Engine: {
        Type: 'docker',
        Params: { Image: 'a:b', Parameters: ['c', 'd'], EnvironmentVariables: ['A=b'] },
      },
      Network: { Type: 'HTTP', Domains: ['example.com', '.b.com'] },
      InputSources: [{ Source: { Type: 'localDirectory', Params: { SourcePath: '/a' } }, Target: '/b' }],
      Meta: { a: { b: 1 }, c: 'd' },
    },
  ],
};
const OLD = {
  APIVersion: 'V1beta2',
  Spec: {
    EngineSpec: { Type: 'docker', Params: { Image: 'a' } },
    Network: { Type: 'HTTP', Domains: ['a.b'] },
  },
};
const json = (...values: object[]) => values.map((value) => JSON.stringify(value));
const read = (value: unknown) => parseJobSpec(value, { purpose: 'admission' });

/** A text where a job has texts. */
const everywhere = (text: string) => {
  const network = { Type: text, Domains: [text, text] };
  const resources = { CPU: text, Memory: text, Disk: text, GPU: text };
  const params = { Image: text, Entrypoint: [text], EnvironmentVariables: [text], WorkingDirectory: text };
  const source = { Type: text, Params: { SourcePath: text, ReadWrite: text, [text]: text } };
  const task = {
    Name: text,
    Engine: { Type: 'docker', Params: params },
    Env: { [text]: text },
    Network: network,
  };
  const inputs = [{ Source: source, Target: text, Alias: text }];
  return {
    ...{ ID: text, Name: text, Type: text, [text]: text },
    Tasks: [{ ...task, Resources: resources, InputSources: inputs, Meta: { [text]: text } }],
  };
};

export const ADMISSION: readonly Reader[] = [
  {
    name: 'a job file in YAML',
    read: (text) => parseJobFile(text, 'job.yaml', { purpose: 'run' }),
    seeds: YAML,
    longest: 8_192,
    count: 18,
  },
  {
    name: 'a job file in JSON',
    read: (text) => parseJobFile(text, 'job.json', { purpose: 'run' }),
    seeds: json(JOB, OLD),
    longest: 8_192,
    count: 12,
  },
  {
    name: 'a job in a body',
    read: (text) => read(parseExactJson(text)),
    seeds: json(JOB, OLD, { Job: JOB }),
  },
  {
    name: 'a text of a job',
    read: (text) => read(everywhere(text)),
    seeds: [' 1 ', '500m', '1.5Gb', 'alpine:3.20', 'A=b', '/a/b', 'example.com', 'localDirectory', 'Domains'],
    longest: 16_384,
  },
  {
    name: 'a job with many of all',
    read: (text) => {
      const words = text.split(' ');
      const fields = Object.fromEntries(words.map((word, at) => [word + at, word]));
      const tasks = [{ ...fields, Network: { Type: 'HTTP', Domains: words }, Env: fields }];
      return read({ ...fields, Tasks: tasks, Meta: fields });
    },
    seeds: ['Name Type example.com .b.com', '1 2 a=b /c'],
    longest: 32_768,
    count: 4,
  },
  { name: 'a size', read: parseBytes, seeds: ['1.5Gb', '1,000 kib', '512'] },
  { name: 'a number of CPUs', read: parseCpu, seeds: ['500m', '0.5', ' 2 '] },
  { name: 'a domain file', read: domainLines, seeds: ['\uFEFFexample.com # a\n\n .b.com\r\n#c\n'] },
  { name: 'a mount', read: parseAllowedMount, seeds: ['/a/b:rw', '/a:ro', ' /a/../b '] },
  { name: "a probe's reason", read: spokenReason, seeds: ['no: a b\n\u0007c', '  a  '] },
  {
    name: 'a field that is not known',
    read: (text) => nearest(text, ['Domains', 'Network']),
    seeds: ['Domain'],
  },
];
