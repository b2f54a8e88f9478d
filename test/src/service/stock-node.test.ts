import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { AdmissionRefused } from '../../../src/errors.js';
import { localInput, spec } from '../../admission/jobs.js';
import { askAsNode, type Heard } from '../../stock-node/probe.js';
import { Cleanup } from '../../support/cleanup.js';
import { startService } from '../../support/service.js';

const cleanup = new Cleanup();
afterEach(() => cleanup[Symbol.asyncDispose]());

/** A serve whose configuration is of the environment's form. */
const serve = async (env: Record<string, string> = {}) => cleanup.use(await startService({}, { env })).port;

/** As a node of 1.5.2 and later sends it. */
const sent = (task: object, job: object = {}) => JSON.stringify({ Job: spec({ ...task }, { ...job }) });
const DEFAULT = sent({ Network: { Type: 'Default' } });

/** As a node fills a job in. */
const JOB = {
  ...spec({
    Engine: {
      Type: 'docker',
      Params: {
        Image: 'a',
        Entrypoint: null,
        EnvironmentVariables: null,
        Parameters: null,
        WorkingDirectory: '',
      },
    },
    Publisher: { Type: '' },
    Timeouts: {},
  }),
  ...{ ID: 'j-1', Constraints: [], Meta: {}, Labels: {}, Priority: 0, State: { StateType: 'Pending' } },
  ...{ Version: 0, Revision: 1, CreateTime: 1_795_800_001, ModifyTime: 1_795_800_001 },
};
/** Before 1.4. */
const OLD = {
  ...{ Engine: 'Docker', Verifier: 'Noop', Publisher: 'Estuary', Docker: { Image: 'a' } },
  ...{
    Network: { Type: 'HTTP', Domains: ['example.com'] },
    Resources: { GPU: '' },
    Deal: { Concurrency: 1 },
  },
};

/** What every answer must be, whatever it says. */
function expectReadable({ headers, size, status }: Heard): void {
  expect({ status, type: headers.get('content-type') }).toEqual({ status, type: 'application/json' });
  expect(headers.get('content-length')).toMatch(/^\d+$/);
  expect(headers.has('transfer-encoding')).toBe(false);
  expect(headers.has('content-encoding')).toBe(false);
  expect(size).toBeLessThan(4096);
}

const long = Array.from(
  { length: 200 },
  (_, index) => `${'x'.repeat(60)}.${'y'.repeat(60)}.example${index}.com`,
);

describe('a stock node hears the refusal', () => {
  it.each<[string, Record<string, string>, string, string]>([
    [
      'host network',
      { JOBGATE_REJECT_HOST_NETWORK: 'true' },
      sent({ Network: { Type: 'Full' } }),
      "the host's network",
    ],
    ['networked', { JOBGATE_REJECT_NETWORKED_JOBS: 'true' }, sent({}), 'that need a network'],
    ['stateless', { JOBGATE_REJECT_STATELESS_JOBS: 'true' }, sent({}), 'without inputs'],
    ['domains', { JOBGATE_ALLOWED_DOMAINS: 'other.example' }, sent({}), 'not on its allowlist: example.com'],
    [
      'very many domains',
      { JOBGATE_ALLOWED_DOMAINS: 'other.example' },
      sent({ Network: { Type: 'HTTP', Domains: long } }),
      'more characters)',
    ],
    [
      'a bridge',
      { JOBGATE_ALLOWED_DOMAINS: '' },
      sent({ Network: { Type: 'Bridge' } }),
      'with Bridge networking',
    ],
    [
      'Default',
      { JOBGATE_ALLOWED_DOMAINS: '' },
      DEFAULT,
      'set Network.Type to None, or to HTTP with Domains',
    ],
    ['no network', { JOBGATE_ALLOWED_DOMAINS: '' }, sent({ Network: undefined }), 'set Network.Type to None'],
    ['mounts', {}, sent({ InputSources: [localInput('/etc')] }), 'that mount "/etc"'],
    [
      'writable mounts',
      {},
      sent({ InputSources: [localInput('/etc', { ReadWrite: 'true' })] }),
      'that mount "/etc"',
    ],
    [
      'locality',
      { JOBGATE_LOCALITY: 'local' },
      sent({ InputSources: [{ Source: { Type: 's3' }, Target: 'in' }] }),
      's3 for in',
    ],
    ['privileges', {}, sent({ Network: { Type: 'None' }, Privileged: true }), 'privileged mode'],
    [
      'other engines',
      { JOBGATE_REJECT_HOST_NETWORK: 'true' },
      sent({ Engine: { Type: 'wasm' }, Network: { Type: 'Host' } }),
      "the host's network",
    ],
    [
      'an exec probe',
      { JOBGATE_PROBE_EXEC: `printf 'é"%.0s' {1..20000} >&2; exit 1` },
      sent({}),
      'its exec probe refuses',
    ],
    [
      'a broken exec probe',
      { JOBGATE_PROBE_EXEC: 'kill $$' },
      sent({}),
      'its exec probe was ended by SIGTERM',
    ],
    [
      'an HTTP probe',
      { JOBGATE_PROBE_HTTP: 'http://127.0.0.1:1/' },
      sent({}),
      'its HTTP probe cannot be asked',
    ],
  ])('of a rule: %s', async (_, env, body, reason) => {
    const heard = await askAsNode(await serve(env), body);
    expectReadable(heard);
    expect(heard).toMatchObject({ outcome: 'refuses', status: 200, reason: expect.stringContaining(reason) });
  });

  it.each<[string, string, Parameters<typeof askAsNode>[2], number]>([
    ['no JSON', '{"Job":', {}, 400],
    ['nothing', '', {}, 400],
    ['a list', '[]', {}, 400],
    ['no job', '{"Job":{}}', {}, 400],
    ['a key twice', DEFAULT.replace('"Default"', '"None","Type":"Host"'), {}, 400],
    ['130,000 problems', sent({ Network: { Type: 'HTTP', Domains: Array(130_000).fill('x') } }), {}, 400],
    ['long problems', sent({ Network: { Type: 'HTTP', Domains: long.map((name) => `*.${name}`) } }), {}, 400],
    [
      'invisible problems',
      sent({ Env: Object.fromEntries(long.map((name) => [`=\u0001\u202E${name}`, 'x'])) }),
      {},
      400,
    ],
    ['what is too deep', `{"Job":${'['.repeat(20_000)}`, {}, 400],
    ['1 MiB that is no job', 'x'.repeat(1 << 20), {}, 400],
    ['17 MiB', `{"Job":"${'x'.repeat(17 << 20)}"}`, {}, 413],
    ['another type', sent({}), { headers: { 'Content-Type': 'text/plain' } }, 415],
    ['a form', 'a=b', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }, 415],
    ['another method', '{}', { method: 'PUT' }, 405],
    ['another path', sent({}), { path: `/v1/admissions/${'x'.repeat(9_000)}` }, 404],
    ['another host', sent({}), { headers: { Host: `${'x'.repeat(9_000)}.example` } }, 403],
  ])('of an error: %s', async (_, body, options, status) => {
    const heard = await askAsNode(await serve(), body, options);
    expectReadable(heard);
    expect(heard).toMatchObject({ outcome: 'refuses', status });
    // Whoever reads the body of an error hears the same.
    if (options?.path === undefined) {
      expect(JSON.parse(heard.body)).toMatchObject({ shouldBid: false, reason: expect.stringMatching(/./) });
    }
  });

  it('of an error of our own, and of a token that is wrong', async () => {
    const served = cleanup.use(await startService({}, { token: 'a-token-of-some-length' }));
    const headers = { Authorization: 'Bearer another' };
    const unauthorized = await askAsNode(served.port, DEFAULT, { headers });
    served.service.decide = () => Promise.reject(new Error('broken'));
    const broken = await askAsNode(served.port, DEFAULT);
    served.service.decide = () => Promise.reject(new AdmissionRefused('x'.repeat(10_000)));
    const refused = await askAsNode(served.port, DEFAULT);
    for (const [heard, status] of [
      [unauthorized, 401],
      [broken, 500],
      [refused, 403],
    ] as const) {
      expectReadable(heard);
      expect(heard).toMatchObject({ outcome: 'refuses', status });
    }
  });
});

it('a stock node hears all refusals, joined as it joins its own', async () => {
  const port = await serve({
    JOBGATE_REJECT_NETWORKED_JOBS: 'true',
    JOBGATE_REJECT_STATELESS_JOBS: 'true',
    JOBGATE_PROBE_EXEC: 'echo not today >&2; exit 1',
  });
  const { outcome, reason } = await askAsNode(port, sent({}));
  expect(outcome).toBe('refuses');
  expect(reason.split('; ')).toEqual([
    expect.stringMatching(/^this node does not accept jobs that need a network/),
    'this node does not accept jobs without inputs (InputSources)',
    expect.stringMatching(/not today$/),
  ]);
});

describe('a stock node hears that a job is accepted', () => {
  it.each<[string, Record<string, string>, string, string]>([
    ['HTTP', { JOBGATE_ALLOWED_DOMAINS: 'example.com' }, sent({}), 'only domains on its allowlist'],
    ['None', { JOBGATE_ALLOWED_DOMAINS: '' }, sent({ Network: { Type: 'None' } }), 'that need no network'],
    [
      'Default, of which it makes None',
      { JOBGATE_ALLOWED_DOMAINS: '', JOBGATE_REJECT_NETWORKED_JOBS: 'true' },
      DEFAULT,
      'that need no network',
    ],
    [
      'the same by an older name',
      { JOBGATE_ALLOWED_DOMAINS: '', JOBGATE_ACCEPT_NETWORKED_JOBS: 'false' },
      DEFAULT,
      'that need no network',
    ],
    ['Default, of which it makes a Bridge', {}, DEFAULT, 'which is an open Bridge where they run'],
    [
      'WebAssembly',
      {},
      sent({
        Engine: { Type: 'wasm', Params: { EntryModule: {}, EntryPoint: '_start' } },
        Network: { Type: 'None' },
      }),
      'that need no network',
    ],
    [
      'Default, where its engine is the gate',
      { JOBGATE_ALLOWED_DOMAINS: '', JOBGATE_GATE_LISTEN: 'unix:/run/none/docker.sock' },
      DEFAULT,
      'Default networking, which is no network here',
    ],
    [
      'Default, which the gate gives domains',
      { JOBGATE_GATE_LISTEN: 'unix:/run/none/docker.sock', JOBGATE_GATE_DEFAULT: 'example.com' },
      DEFAULT,
      'Default networking, which is HTTP to example.com here',
    ],
    [
      'what it will not reach',
      { JOBGATE_DENIED: 'example.com' },
      sent({}),
      'do not reach here: example.com, which its operator denies',
    ],
    [
      'an old node without a network',
      { JOBGATE_ALLOWED_DOMAINS: '' },
      '{"node_id":"n","job_id":"j","spec":{"Engine":"Docker","Docker":{"Image":"a"}}}',
      'that need no network',
    ],
    [
      'what Docker’s and the node read',
      {},
      sent({
        Engine: { Type: 'docker', Params: { Image: 'a', Entrypoint: null, EnvironmentVariables: ['A'] } },
        Resources: { Memory: '1eb' },
        InputSources: [{ Source: { Type: 's3' }, Target: 'relative' }],
        Timeouts: {},
      }),
      'with inputs',
    ],
    [
      'a long time',
      {},
      sent({}).replace('"Tasks":[{', '"Tasks":[{"Timeouts":{"TotalTimeout":9223372036854775807},'),
      'HTTP networking',
    ],
    ['10 MB', {}, sent({}, { Meta: { note: 'x'.repeat(10 << 20) } }), 'HTTP networking'],
  ])('%s', async (_, env, body, reason) => {
    const heard = await askAsNode(await serve(env), body);
    expectReadable(heard);
    expect(heard).toMatchObject({ outcome: 'runs', status: 200, reason: expect.stringContaining(reason) });
  });

  it.each<[string, object]>([
    ['1.0.3 and before', { node_id: 'n-1', job_id: 'j-1', spec: OLD, callback: 'http://127.0.0.1/' }],
    ['1.0.4 to 1.4', { NodeID: 'n-1', Job: JOB, Callback: { Scheme: 'http', Host: '127.0.0.1' } }],
    ['1.5.0 and 1.5.1', { NodeID: 'n-1', Job: JOB }],
    ['1.5.2 and later', { Job: JOB }],
  ])('in the body of %s, by what that says', async (_, body) => {
    const refusing = await serve({ JOBGATE_ALLOWED_DOMAINS: 'other.example' });
    expect(await askAsNode(refusing, JSON.stringify(body))).toMatchObject({
      outcome: 'refuses',
      reason: expect.stringContaining('not on its allowlist: example.com'),
    });
    expect(await askAsNode(await serve(), JSON.stringify(body))).toMatchObject({ outcome: 'runs' });
  });

  it('of which our own probes see every digit', async () => {
    const CreateTime = '1700000000123456789';
    const body = sent({}).replace('"Tasks"', `"CreateTime":${CreateTime},"Tasks"`);
    const seen: string[] = [];
    const probe = createServer(async (request, response) => {
      seen.push(await text(request));
      response.end();
    }).listen(0, '127.0.0.1');
    cleanup.add(() => probe.close());
    await new Promise((resolve) => probe.once('listening', resolve));
    const port = await serve({
      JOBGATE_PROBE_HTTP: `http://127.0.0.1:${(probe.address() as AddressInfo).port}`,
      JOBGATE_PROBE_EXEC: `grep -q '"CreateTime":${CreateTime},' && [[ $BACALHAU_JOB_SELECTION_PROBE_DATA = *${CreateTime}* ]]`,
    });
    expect(await askAsNode(port, body)).toMatchObject({ outcome: 'runs' });
    expect(seen).toEqual([expect.stringContaining(`"CreateTime":${CreateTime},`)]);
  });

  it('and the reader does tell what it must not take for an answer', async () => {
    const answers: [Record<string, string>, string, Heard['outcome']][] = [
      [
        { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': '19' },
        '{"shouldBid":false}',
        'runs',
      ],
      [{ 'Content-Type': 'application/json' }, '{"shouldBid":false}', 'dies'],
      [
        { 'Content-Type': 'application/json', 'Content-Length': '5019' },
        `{"shouldBid":false}${' '.repeat(5000)}`,
        'fails',
      ],
      [{ 'Content-Type': 'application/json', 'Content-Length': '19' }, '{"shouldBid":false}', 'refuses'],
    ];
    for (const [headers, body, outcome] of answers) {
      const server = createServer((_request, response) => {
        response.writeHead(200, headers);
        if (headers['Content-Length'] === undefined) response.write(body.slice(0, 3));
        response.end(headers['Content-Length'] === undefined ? body.slice(3) : body);
      }).listen(0, '127.0.0.1');
      cleanup.add(() => server.close());
      await new Promise((resolve) => server.once('listening', resolve));
      expect((await askAsNode((server.address() as AddressInfo).port, '{}')).outcome).toBe(outcome);
    }
  });
});
