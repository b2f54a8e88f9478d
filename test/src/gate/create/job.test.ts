import { expect, it } from 'vitest';
import { jobOf, jobOfNetwork } from '../../../../src/gate/create/job.js';
import { judgeCreate } from '../../../../src/gate/create/judge.js';

const judged = (body: object) => judgeCreate({ Image: 'image', ...body }, { runtimes: [] });
const ids = { id: 'job-1', executionId: 'e-1' };

it('admission is asked about all that a container asks for', () => {
  const wanted = judged({
    ...{ Entrypoint: ['/bin/x'], Cmd: ['a', 'b'], Env: ['A=1=2', 'GONE'], WorkingDir: '/w', User: 'u' },
    HostConfig: { NanoCpus: 1.5e9, Memory: 1024, Binds: ['/in:/a:ro', '/out:/b'] },
  });
  const job = jobOf(wanted, { ...ids, name: 'n', domains: ['example.com'] });
  const raw = (SourcePath: string, ReadWrite: boolean, Target: string) => ({
    ...{ Source: { Type: 'localDirectory', Params: { SourcePath, ReadWrite } }, Target },
  });
  expect(job).toEqual({
    ...{ ...ids, name: 'n', network: { type: 'HTTP', domains: ['example.com'] } },
    engine: {
      ...{ type: 'docker', image: 'image', entrypoint: ['/bin/x'], command: ['a', 'b'], env: { A: '1=2' } },
      ...{ workingDirectory: '/w', user: 'u' },
    },
    resources: { cpus: 1.5, memoryBytes: 1024 },
    inputs: [
      { type: 'localDirectory', source: '/in', target: '/a', readOnly: true, raw: raw('/in', false, '/a') },
      { type: 'localDirectory', source: '/out', target: '/b', readOnly: false, raw: raw('/out', true, '/b') },
    ],
    ignored: [],
    spec: {
      ...{ ID: 'job-1', Name: 'n', Type: 'batch', Count: 1 },
      Tasks: [
        {
          Name: 'main',
          Engine: {
            Type: 'docker',
            Params: {
              ...{ Image: 'image', Entrypoint: ['/bin/x'], Parameters: ['a', 'b'] },
              EnvironmentVariables: ['A=1=2', 'GONE'],
            },
          },
          Network: { Type: 'HTTP', Domains: ['example.com'] },
          InputSources: [raw('/in', false, '/a'), raw('/out', true, '/b')],
          Resources: { CPU: '1.5', Memory: '1024' },
        },
      ],
    },
  });
});

it('what is not asked for is not in it', () => {
  const job = jobOf(judged({}), { ...ids, name: undefined, domains: [] });
  expect(job).toStrictEqual({
    ...{ ...ids, network: { type: 'None', domains: [] } },
    engine: { type: 'docker', image: 'image', command: [], env: {} },
    ...{ resources: {}, inputs: [], ignored: [] },
    spec: {
      ...{ ID: 'job-1', Type: 'batch', Count: 1 },
      Tasks: [
        {
          Name: 'main',
          Engine: {
            Type: 'docker',
            Params: { Image: 'image', Entrypoint: null, Parameters: [], EnvironmentVariables: [] },
          },
          Network: { Type: 'None' },
          Resources: {},
        },
      ],
    },
  });
  const { engine } = jobOf(judged({ Entrypoint: [] }), { ...ids, name: undefined, domains: [] });
  expect(engine).not.toHaveProperty('entrypoint');
});

it("the host's network is said", () => {
  const wanted = judged({ HostConfig: { NetworkMode: 'host' } });
  expect(jobOf(wanted, { ...ids, name: undefined, domains: [] }).network.type).toBe('Host');
});

it('of a network alone the image is empty', () => {
  const { network, engine } = jobOfNetwork({ ...ids, name: 'n', domains: ['example.com'] });
  expect(network).toEqual({ type: 'HTTP', domains: ['example.com'] });
  expect(engine.image).toBe('');
});
