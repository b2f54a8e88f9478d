import { describe, expect, it } from 'vitest';
import { parseJobSpec } from '../../admission/job-spec.js';
import { localInput, parse, problems, spec } from './jobs.js';

const FULL = spec(
  {
    Engine: {
      Type: 'docker',
      Params: {
        Image: 'alpine:3.20',
        Entrypoint: ['/bin/sh'],
        Parameters: ['-c', 'wget -qO- https://example.com'],
        EnvironmentVariables: ['A=b', 'C=engine'],
        WorkingDirectory: '/work',
      },
    },
    Env: { C: 'task', D: 'e=f' },
    Network: { Type: 'HTTP', Domains: ['example.com', '.example.org'] },
    Resources: { CPU: '500m', Memory: '1Gb', Disk: '10Gb', GPU: '0' },
    Timeouts: { ExecutionTimeout: 1800, QueueTimeout: 0, TotalTimeout: 3600 },
    InputSources: [localInput('/data/in', { ReadWrite: false })],
    Publisher: { Type: 'local' },
    ResultPaths: [{ Name: 'outputs', Path: '/outputs' }],
  },
  { Priority: 0, Constraints: [], Labels: { team: 'data' }, Meta: {} },
);

describe('a job spec of 1.5 and later', () => {
  it.each(['run', 'admission'] as const)('is read whole, to %s', (purpose) => {
    const parsed = parseJobSpec(FULL, { purpose });
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        name: 'fetch',
        network: { type: 'HTTP', domains: ['example.com', '.example.org'] },
        engine: {
          type: 'docker',
          image: 'alpine:3.20',
          entrypoint: ['/bin/sh'],
          command: ['-c', 'wget -qO- https://example.com'],
          env: { A: 'b', C: 'engine', D: 'e=f' },
          workingDirectory: '/work',
        },
        resources: { cpus: 0.5, memoryBytes: 1_000_000_000 },
        timeoutMs: 1_800_000,
        inputs: [{ type: 'localDirectory', source: '/data/in', target: '/inputs', readOnly: true }],
        ignored: ['Labels', 'Tasks[0].Publisher', 'Tasks[0].ResultPaths', 'Tasks[0].Resources.Disk'],
      },
    });
  });

  it('is taken from a node with all the fields it adds, and with fields nobody knows', () => {
    const sent = {
      ...FULL,
      ID: 'j-5f2a',
      State: { StateType: 'Pending', Message: '' },
      Version: 0,
      Revision: 1,
      CreateTime: 1_700_000_000_000_000_000,
      ModifyTime: 0,
      FromTheFuture: [1, { a: null }],
    };
    expect(parse({ Job: sent })).toMatchObject({
      id: 'j-5f2a',
      spec: { FromTheFuture: [1, { a: null }], Version: 0 },
    });
    expect(problems(sent, 'run')).toEqual(['FromTheFuture: unknown field']);
  });

  it('may leave out what it does not need, and say so with null', () => {
    expect(parse({ Tasks: [{}] })).toMatchObject({
      network: { type: 'Default', domains: [] },
      inputs: [],
      ignored: [],
    });
    const nulls = spec({
      Env: null,
      Network: null,
      Resources: null,
      Timeouts: null,
      InputSources: null,
      Meta: null,
    });
    expect(problems(nulls, 'run')).toEqual([]);
    expect(parse(nulls)).toMatchObject({ network: { type: 'Default' }, resources: {}, inputs: [] });
    expect(parse(nulls)).not.toHaveProperty('timeoutMs');
  });

  it('tells all problems at once, each with its path', () => {
    const bad = spec(
      {
        Engine: { Type: 'wasm', Params: {} },
        Env: { A: 1 },
        Network: { Type: 'htpp', Domains: ['*.example.com', 'com', 7] },
        Resources: { CPU: 'many', Memory: '1Xb' },
        Timeouts: { ExecutionTimeout: '30m' },
        InputSources: [{ Source: { Type: 's3' }, Target: 'relative' }],
      },
      { Count: 'one', ID: 'a b' },
    );
    const paths = new Set(problems(bad, 'run').map((line) => line.split(': ', 1)[0]));
    expect([...paths].sort()).toEqual([
      'Count',
      'ID',
      'Tasks[0].Engine.Type',
      'Tasks[0].Env.A',
      'Tasks[0].InputSources[0].Source.Type',
      'Tasks[0].InputSources[0].Target',
      'Tasks[0].Network.Domains[0]',
      'Tasks[0].Network.Domains[1]',
      'Tasks[0].Network.Domains[2]',
      'Tasks[0].Network.Type',
      'Tasks[0].Resources.CPU',
      'Tasks[0].Resources.Memory',
      'Tasks[0].Timeouts.ExecutionTimeout',
    ]);
  });

  it.each([
    [null, 'must be a job spec'],
    ['x', 'must be a job spec'],
    [[], 'must be a job spec'],
    [{}, 'Tasks is missing'],
    [{ Job: null }, 'Tasks is missing'],
    [{ Tasks: {} }, 'must be a list with one task'],
    [{ Tasks: [] }, 'exactly one task here, not 0'],
    [{ Tasks: [{}, {}] }, 'exactly one task here, not 2'],
    [{ Tasks: ['x'] }, 'must be a mapping'],
    [spec({ Network: 'none' }), 'must be a mapping'],
    [spec({ Network: { Type: 4 } }), 'unknown network type 4'],
    [spec({ Network: { Type: '' } }), 'unknown network type ""'],
    [spec({ Network: { Type: 'HTTP', Domains: 'example.com' } }), 'must be a list'],
    [spec({ Network: { Type: 'HTTP' } }), 'needs at least one domain'],
    [spec({ Network: { Type: 'HTTP', Domains: [] } }), 'needs at least one domain'],
    [spec({ Network: { Type: 'None', Domains: ['example.com'] } }), 'for HTTP networking only'],
    [spec({ Network: { Domains: ['example.com'] } }), 'for HTTP networking only'],
    [spec({ Network: { Type: 'HTTP', Domains: ['example.com:22'] } }), '22'],
    [spec({ Network: { Type: 'HTTP', Domains: ['192.0.2.0/24'] } }), 'CIDR'],
    [spec({ Network: { Type: 'HTTP', Domains: ['https://example.com/x'] } }), 'scheme'],
    [spec({ Network: { Type: 'HTTP', Domains: ['example.com\n.evil.com'] } }), 'white space'],
    // The Kelvin sign, which lower case makes an ASCII k of.
    [spec({ Network: { Type: 'HTTP', Domains: ['\u212Aexample.com'] } }), 'not ASCII'],
    [spec({ Engine: { Type: 'docker' } }), 'missing: the image'],
    [spec({ Engine: { Type: 'docker', Params: { Image: ' ' } } }), 'missing: the image'],
    [spec({ Engine: { Type: 'docker', Params: { Image: 'a', WorkingDirectory: 'x' } } }), 'absolute'],
    [spec({}, { Type: 'cron' }), 'batch, service, ops or daemon'],
    [spec({}, { ID: '../x' }), 'must be 1 to 128'],
    [spec({}, { ID: 'x'.repeat(129) }), 'must be 1 to 128'],
    [spec({}, { Count: -1 }), 'negative'],
    [spec({ Timeouts: { ExecutionTimeout: -1 } }), 'seconds'],
    [spec({ Timeouts: { ExecutionTimeout: 2 ** 63 } }), 'seconds'],
    [spec({}, { Count: 1.5 }), 'whole number'],
    [{ ...spec(), Job: spec() }, 'says twice what the job is, by Tasks and Job'],
    [{ Job: { ...spec(), Spec: {} } }, 'says twice what the job is, by Tasks and Spec'],
    [{ Job: spec(), job: spec() }, 'the same field as Job'],
    [spec({ InputSources: [localInput('data')] }), 'absolute'],
    [spec({ InputSources: [localInput('/data/../etc')] }), '..'],
    [spec({ InputSources: [localInput('/data', { ReadWrite: 'yes' })] }), 'true or false'],
    [spec({ InputSources: [localInput('/a'), localInput('/b')] }), 'another input has it'],
    [spec({ InputSources: [{ ...localInput('/a'), Target: '/' }] }), 'must not be / itself'],
  ])('refuses %j: %s', (value, problem) => {
    expect(problems(value).join('\n')).toContain(problem);
  });

  it('reads quantities as the reference does', () => {
    const resources = (given: object) => parse(spec({ Resources: given })).resources;
    expect(resources({ CPU: 2, Memory: '512 MB' })).toEqual({ cpus: 2, memoryBytes: 512_000_000 });
    expect(resources({ CPU: '0.1', Memory: '1GiB' })).toEqual({ cpus: 0.1, memoryBytes: 2 ** 30 });
    expect(resources({ CPU: '1500m', Memory: '1.5g' })).toEqual({ cpus: 1.5, memoryBytes: 1_500_000_000 });
    expect(resources({ CPU: '', Memory: '' })).toEqual({});
    expect(resources({ CPU: '0', Memory: '0' })).toEqual({});
    expect(resources({ Memory: '2eb' })).toEqual({ memoryBytes: 2e18 });
    expect(resources({ Memory: '1EiB' })).toEqual({ memoryBytes: 2 ** 60 });
    expect(problems(spec({ Resources: { Memory: '16EiB' } }))).toHaveLength(1);
    for (const name of ['CPU', 'Memory', 'GPU']) {
      expect(problems(spec({ Resources: { [name]: '0'.repeat(64) } }))).toEqual([]);
      expect(problems(spec({ Resources: { [name]: '0'.repeat(65) } }))).toHaveLength(1);
    }
  });

  it('reads truth values as the reference does', () => {
    const readOnly = (ReadWrite: unknown) =>
      parse(spec({ InputSources: [localInput('/data', { ReadWrite })] })).inputs[0]?.readOnly;
    for (const yes of [true, 'true', 'True', 't', '1', 1]) expect(readOnly(yes)).toBe(false);
    for (const no of [false, 'false', 'F', '0', 0, '', null, undefined]) expect(readOnly(no)).toBe(true);
  });

  it('gives an engine that is not Docker’s to admission, with everything that concerns any job', () => {
    const Params = { EntryModule: { Source: {} }, EntryPoint: '_start', EnvironmentVariables: { A: 'b' } };
    const job = parse(
      spec({ Engine: { Type: 'wasm', Params }, Network: { Type: 'Host' }, InputSources: [localInput('/a')] }),
    );
    expect(job).toMatchObject({ network: { type: 'Host' }, engine: { type: 'wasm', image: '' } });
    expect(job.inputs).toHaveLength(1);
    expect(problems(spec({ Engine: { Type: 'wasm' }, Network: { Type: 'x' } }))).toHaveLength(1);
  });

  it('takes a variable without = for one that is taken away, as engines do', () => {
    const Params = { Image: 'a', EnvironmentVariables: ['A', 'B=c'] };
    expect(parse(spec({ Engine: { Type: 'docker', Params }, Env: { A: 'a' } })).engine.env).toEqual({
      B: 'c',
    });
  });

  it('finds a local input whatever its type is spelled like', () => {
    for (const Type of ['LocalDirectory', ' localDirectory ', 'localDirectory'.replace('l', 'L')]) {
      const input = { Source: { Type, Params: { SourcePath: '/etc' } }, Target: '/in' };
      expect(parse(spec({ InputSources: [input] })).inputs[0]?.source).toBe('/etc');
    }
    const twice = localInput('/data', { sourcepath: '/etc' });
    expect(problems(spec({ InputSources: [twice] })).join()).toContain('the same field as SourcePath');
  });

  it('takes the shorter of the limits of execution and total, and 0 as none', () => {
    const timeout = (given: object) => parse(spec({ Timeouts: given })).timeoutMs;
    expect(timeout({ ExecutionTimeout: 0, TotalTimeout: 60 })).toBe(60_000);
    expect(timeout({ ExecutionTimeout: 90, TotalTimeout: 60 })).toBe(60_000);
    expect(timeout({ ExecutionTimeout: 0, TotalTimeout: 0 })).toBeUndefined();
  });

  it('lets the operator say which ports below 1024 a domain may name', () => {
    const ssh = spec({ Network: { Type: 'HTTP', Domains: ['example.com:22'] } });
    expect(parseJobSpec(ssh, { purpose: 'run' }).ok).toBe(false);
    expect(parseJobSpec(ssh, { purpose: 'run', allowPorts: [22] }).ok).toBe(true);
  });
});

describe('network types', () => {
  it.each([
    ['None', 'None'],
    [' none ', 'None'],
    ['FULL', 'Host'],
    ['host', 'Host'],
    ['bridge', 'Bridge'],
    ['Default', 'Default'],
    [undefined, 'Default'],
    [null, 'Default'],
  ])('%j is %s', (Type, type) => {
    expect(parse(spec({ Network: { Type } })).network).toEqual({ type, domains: [] });
  });

  it('trims domains and lowers their case', () => {
    const network = { Type: 'http', Domains: [' Example.COM ', '.Example.org.', '192.0.2.7', '2001:DB8::1'] };
    expect(parse(spec({ Network: network })).network).toEqual({
      type: 'HTTP',
      domains: ['example.com', '.example.org', '192.0.2.7', '2001:db8::1'],
    });
  });
});

describe('what only a run refuses', () => {
  it.each([
    [spec({}, { Count: 2 }), 'Count: one execution at a time'],
    [spec({ Resources: { GPU: '1' } }), 'Tasks[0].Resources.GPU: GPUs are not supported'],
    [
      spec({ InputSources: [{ Source: { Type: 's3', Params: { Bucket: 'b' } }, Target: '/in' }] }),
      'Tasks[0].InputSources[0].Source.Type: inputs of type "s3" are not supported',
    ],
    [spec({ Netwrok: {} }), 'Tasks[0].Netwrok: unknown field: did you mean Network?'],
    [spec({ Engine: undefined }), 'Tasks[0].Engine: missing'],
    [
      spec({ Network: { Type: 'Host', Ports: [{ Target: 80 }] } }),
      'Tasks[0].Network.Ports: port mappings: not supported',
    ],
    [
      spec({ Engine: { Type: 'docker', Params: { Image: 'a', EnvironmentVariables: ['A', '', '=b'] } } }),
      'EnvironmentVariables[1]: must be NAME=value',
    ],
    [spec({ Timeouts: { ExecutionTimeout: 1e12 } }), 'at most 2147483 seconds'],
    [spec({ Timeouts: { TotalTimeout: 9_223_372_036_854_775_807n } }), 'at most 2147483 seconds'],
    [spec({ InputSources: [{ ...localInput('/a'), Target: 'in' }] }), 'must be an absolute path'],
    [
      spec({ Engine: { Type: 'wasm', Params: { EntryModule: {}, EntryPoint: '_start', Parameters: null } } }),
      'Tasks[0].Engine.Type: engine "wasm" is not supported',
    ],
  ])('%#', (value, problem) => {
    expect(problems(value, 'run').join('\n')).toContain(problem);
    expect(problems(value, 'admission')).toEqual([]);
  });

  it('but not the empty lists and zeros that Go writes', () => {
    expect(
      problems(spec({ Resources: { GPU: '' }, Network: { Type: 'None', Ports: [] } }, { Count: 0 }), 'run'),
    ).toEqual([]);
  });
});

describe('spellings', () => {
  it('of keys differ in case only, and probes see the canonical one', () => {
    const lower = {
      tasks: [{ engine: { type: 'Docker', params: { image: 'a' } }, network: { type: 'full' } }],
    };
    expect(parse(lower)).toMatchObject({
      network: { type: 'Host' },
      engine: { image: 'a' },
      spec: { Tasks: [{ Engine: { Params: { Image: 'a' } }, Network: { Type: 'Host' } }] },
    });
  });

  it('of one key that stand beside each other are refused: readers would disagree', () => {
    const twice = spec({ network: { Type: 'None' } });
    expect(problems(twice)).toEqual(['Tasks[0].network: the same field as Network: write it once']);
  });

  it('like __proto__ and constructor are only keys', () => {
    const hostile = JSON.parse(
      '{"__proto__": {"Tasks": [{}]}, "constructor": 1, "Tasks": [{"Env": {"__proto__": "x", "constructor": "y"}}]}',
    );
    const job = parse(hostile);
    expect(Object.getPrototypeOf(job.spec)).toBe(Object.prototype);
    expect(job.engine.env.constructor).toBe('y');
  });
});
