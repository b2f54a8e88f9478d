import { describe, expect, it } from 'vitest';
import { parse, problems } from './jobs.js';

const SPEC = {
  Engine: 'Docker',
  Docker: { Image: 'ubuntu', Entrypoint: ['date'], EnvironmentVariables: ['A=b'], WorkingDirectory: '/' },
  Network: { Type: 'HTTP', Domains: ['example.com'] },
  Resources: { CPU: '1', Memory: '1Gb' },
  Timeout: 1800,
  inputs: [],
  outputs: [],
};
const JOB = { APIVersion: 'V1beta2', Metadata: { ID: '9304c616' }, Spec: SPEC };

const MEANING = {
  id: '9304c616',
  network: { type: 'HTTP', domains: ['example.com'] },
  engine: {
    type: 'docker',
    image: 'ubuntu',
    entrypoint: ['date'],
    command: [],
    env: { A: 'b' },
    workingDirectory: '/',
  },
  resources: { cpus: 1, memoryBytes: 1_000_000_000 },
  timeoutMs: 1_800_000,
  inputs: [],
  ignored: [],
};

describe('a job of before 1.4', () => {
  it('means the same as one of today', () => {
    expect(parse(JOB)).toMatchObject(MEANING);
    expect(problems(JOB, 'run')).toEqual([]);
  });

  it.each([
    ['the body that a node sent to a probe', { node_id: 'QmNode', job_id: '9304c616', spec: SPEC }],
    ['a body of today around it', { Job: JOB }],
  ])('is read from %s', (_, body) => {
    expect(parse(body)).toMatchObject(MEANING);
  });

  it('is shown to probes in the shape of today, as newer nodes do', () => {
    expect(parse(JOB).spec).toMatchObject({
      ID: '9304c616',
      Tasks: [
        {
          Engine: { Type: 'docker', Params: { Image: 'ubuntu' } },
          Network: { Type: 'HTTP', Domains: ['example.com'] },
        },
      ],
    });
  });

  it('has its problems at its own paths', () => {
    const bad = {
      ...JOB,
      Metadata: { ID: 'a b' },
      Spec: {
        ...SPEC,
        Docker: { Image: 7, EnvironmentVariables: ['A'] },
        Network: { Type: 'HTTP', Domains: ['com'] },
        Resources: { CPU: 'x' },
        Timeout: 'long',
        inputs: [{ StorageSource: 'LocalDirectory', SourcePath: 'data', path: 'in' }],
      },
    };
    expect(
      problems(bad, 'run')
        .map((line) => line.split(': ', 1)[0])
        .sort(),
    ).toEqual([
      'Metadata.ID',
      'Spec.Docker.EnvironmentVariables[0]',
      'Spec.Docker.Image',
      'Spec.Network.Domains[0]',
      'Spec.Resources.CPU',
      'Spec.Timeout',
      'Spec.inputs[0].SourcePath',
      'Spec.inputs[0].path',
    ]);
  });

  it('that says nothing of networks needs none, as in its time', () => {
    const { Network: _, ...Spec } = SPEC;
    for (const body of [
      { ...JOB, Spec },
      { ...JOB, Spec: { ...Spec, Network: null } },
    ]) {
      expect(parse(body)).toMatchObject({
        network: { type: 'None', domains: [] },
        spec: { Tasks: [{ Network: { Type: 'None' } }] },
      });
    }
    expect(parse({ Tasks: [{}] }).network.type).toBe('Default');
  });

  it('knows inputs of its time', () => {
    const inputs = [
      { StorageSource: 'LocalDirectory', SourcePath: '/data', ReadWrite: true, path: '/in' },
      { StorageSource: 'IPFS', Name: 'x', CID: 'Qm', path: '/ipfs' },
    ];
    const job = { ...JOB, Spec: { ...SPEC, inputs } };
    expect(parse(job).inputs).toMatchObject([
      { type: 'localDirectory', source: '/data', target: '/in', readOnly: false },
      { type: 'IPFS', target: '/ipfs', readOnly: true },
    ]);
    expect(problems(job, 'run')).toEqual([
      'Spec.inputs[1].StorageSource: inputs of type "IPFS" are not supported: only localDirectory is',
    ]);
  });

  it.each([
    [{ ...SPEC, Engine: 'Wasm' }, 'Spec.Engine: engine "wasm" is not supported'],
    [{ ...SPEC, Netwrok: {} }, 'Spec.Netwrok: unknown field: did you mean Network?'],
    [{ ...SPEC, Deal: { Concurrency: 3 } }, 'Spec.Deal.Concurrency: one execution'],
    [{ ...SPEC, network: { Type: 'None' } }, 'Spec.network: the same field as Network'],
    [{ ...SPEC, Networ\u212A: { Type: 'None' } }, 'the same field as Network'],
    [{ ...SPEC, inputs: [{ path: '/a', Path: '/b' }] }, 'Spec.inputs[0].Path: the same field as path'],
    [{ ...SPEC, Docker: undefined }, 'Spec.Docker.Image: missing'],
    ['x', 'Spec: must be a mapping'],
  ])('refuses to run what it cannot: %#', (Spec, problem) => {
    expect(problems({ ...JOB, Spec }, 'run').join('\n')).toContain(problem);
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{ Publisher: 'IPFS', outputs: [{ Name: 'o' }] }, ['Spec.outputs', 'Spec.Publisher']],
    [
      { PublisherSpec: { Type: 's3' }, Deal: { Concurrency: 1, TargetingMode: true } },
      ['Spec.Deal', 'Spec.PublisherSpec'],
    ],
    // What its clients filled in by themselves.
    [{ Publisher: 'Estuary', PublisherSpec: { Type: 'Estuary' }, Verifier: 'Noop' }, []],
    [
      { Deal: { Concurrency: 1 }, outputs: [{ Name: 'outputs', StorageSource: 'IPFS', path: '/outputs' }] },
      [],
    ],
  ])('says which fields a run has no use for, and not those at their default: %j', (more, ignored) => {
    expect(parse({ ...JOB, Spec: { ...SPEC, ...more } }).ignored).toEqual(ignored);
  });
});
