import { describe, expect, it } from 'vitest';
import { createAdmission } from '../../admission/admission.js';
import { verdictOf } from '../../admission/chain.js';
import type { AdmissionConfig } from '../../admission/config.js';
import { effectiveNetwork, networkAsRun } from '../../admission/effective-network.js';
import type { Job } from '../../admission/job.js';
import { jobOn, localInput, parse, spec } from './jobs.js';

async function decide(job: Job, config: AdmissionConfig) {
  await using admission = createAdmission(config);
  return await admission.decide(job);
}

const NONE = jobOn('None');
const HTTP = jobOn('HTTP', 'example.com');

describe('without any configuration', () => {
  it.each(['None', undefined, 'Host', 'Full', 'Bridge'])('a job on %s is accepted', async (type) => {
    expect((await decide(jobOn(type), {})).shouldBid).toBe(true);
  });

  it('an HTTP job is accepted, with all reasons joined', async () => {
    const { shouldBid, reason } = await decide(HTTP, {});
    expect(shouldBid).toBe(true);
    const reasons = reason.split('; ');
    expect(reasons.length).toBeGreaterThan(2);
    for (const one of reasons) expect(one).toMatch(/^this node does accept jobs /);
  });
});

describe('RejectNetworkedJobs', () => {
  it.each([
    [jobOn('None'), true],
    [jobOn(undefined), true],
    [jobOn('Default'), true],
    [jobOn('HTTP', 'example.com'), false],
    [jobOn('Host'), false],
    [jobOn('Full'), false],
    [jobOn('Bridge'), false],
  ])('%#', async (job, shouldBid) => {
    expect(await decide(job, { rejectNetworkedJobs: true })).toEqual({
      shouldBid,
      reason: expect.stringMatching(
        shouldBid ? /^this node does accept jobs/ : /^this node does not accept jobs that need a network/,
      ),
    });
    expect((await decide(job, { rejectNetworkedJobs: false })).shouldBid).toBe(true);
  });
});

describe('RejectStatelessJobs', () => {
  it('refuses jobs without inputs', async () => {
    expect(await decide(NONE, { rejectStatelessJobs: true })).toEqual({
      shouldBid: false,
      reason: 'this node does not accept jobs without inputs (InputSources)',
    });
    expect((await decide(NONE, {})).shouldBid).toBe(true);
  });

  it('accepts jobs with inputs', async () => {
    const job = parse(spec({ InputSources: [{ Source: { Type: 's3' }, Target: '/in' }] }));
    expect((await decide(job, { rejectStatelessJobs: true })).shouldBid).toBe(true);
  });
});

describe('Locality', () => {
  const allowedMounts = [import.meta.dirname];
  const here = localInput(import.meta.dirname);
  const remote = { Source: { Type: 's3', Params: { Bucket: 'b' } }, Target: '/s3' };

  it('local accepts jobs whose inputs are all here', async () => {
    const job = parse(spec({ InputSources: [here] }));
    expect((await decide(job, { locality: 'local', allowedMounts })).shouldBid).toBe(true);
    expect((await decide(NONE, { locality: 'local' })).shouldBid).toBe(true);
  });

  it('local refuses jobs of which one input is not, and names it', async () => {
    const job = parse(spec({ InputSources: [here, remote] }));
    const { shouldBid, reason } = await decide(job, { locality: 'local', allowedMounts });
    expect(shouldBid).toBe(false);
    expect(reason).toContain('s3 for /s3');
    expect((await decide(job, { locality: 'anywhere', allowedMounts })).shouldBid).toBe(true);
  });

  it('asks whoever knows better', async () => {
    const job = parse(spec({ InputSources: [remote] }));
    expect((await decide(job, { locality: 'local', isLocal: ({ type }) => type === 's3' })).shouldBid).toBe(
      true,
    );
    const failing = { locality: 'local', isLocal: () => Promise.reject(new Error('no index')) } as const;
    expect(await decide(job, failing)).toMatchObject({
      shouldBid: false,
      reason: expect.stringContaining('no index'),
    });
  });
});

describe('AllowedDomains', () => {
  const allowedDomains = ['.example.com', 'proxy.golang.org', '192.0.2.7', 'api.example.org:8443'];

  it.each([
    [['example.com'], true],
    [['a.b.example.com'], true],
    [['.example.com'], true],
    [['.deep.example.com'], true],
    [['proxy.golang.org', 'x.example.com'], true],
    [['192.0.2.7'], true],
    [['api.example.org:8443'], true],
    [['notexample.com'], false],
    [['example.com.evil.org'], false],
    [['.proxy.golang.org'], false],
    [['.golang.org'], false],
    [['192.0.2.8'], false],
    [['example.com', 'malware.example.net'], false],
    // A node's entry without a port does not cover a port of the job's.
    [['proxy.golang.org:8443'], false],
  ])('%j: %s', async (domains, shouldBid) => {
    expect((await decide(jobOn('HTTP', ...domains), { allowedDomains })).shouldBid).toBe(shouldBid);
  });

  it('names the domains that are not covered, and only those', async () => {
    const { reason } = await decide(jobOn('HTTP', 'example.com', 'a.example.net', '.golang.org'), {
      allowedDomains,
    });
    expect(reason).toBe(
      'this node does not accept jobs that need domains not on its allowlist: a.example.net, .golang.org',
    );
  });

  it.each(['Host', 'Full', 'Bridge'])('refuses %s, which would walk round it', async (type) => {
    expect(await decide(jobOn(type), { allowedDomains })).toMatchObject({ shouldBid: false });
    expect(await decide(jobOn(type), {})).toMatchObject({ shouldBid: true });
  });

  it.each(['None', undefined])('accepts %s', async (type) => {
    expect((await decide(jobOn(type), { allowedDomains })).shouldBid).toBe(true);
  });

  it('that is empty is no domain at all', async () => {
    expect((await decide(HTTP, { allowedDomains: [] })).shouldBid).toBe(false);
    expect((await decide(NONE, { allowedDomains: [] })).shouldBid).toBe(true);
  });

  it('that is broken is no admission at all', () => {
    expect(() => createAdmission({ allowedDomains: ['*.example.com'] })).toThrow(
      /AllowedDomains: .*\.example\.com/,
    );
    expect(() => createAdmission({ allowedDomains: [], allowedDomainsFile: '/x' })).toThrow(
      /set one of them/,
    );
  });
});

describe('what is disabled', () => {
  const disabled = { engines: ['WASM'], inputs: ['s3'], publishers: ['IPFS'] };
  it.each<[Record<string, unknown>, string | undefined]>([
    [{}, undefined],
    [{ Engine: { Type: 'wasm' } }, 'engine wasm'],
    [
      {
        InputSources: [
          { Source: { Type: 'S3' }, Target: '/a' },
          { Source: { Type: 's3' }, Target: '/b' },
        ],
      },
      'input S3, input s3',
    ],
    [{ InputSources: [{ Source: { Type: 'urlDownload' }, Target: '/a' }] }, undefined],
    [{ Publisher: { Type: 'ipfs' } }, 'publisher ipfs'],
    [{ Publisher: { Type: 'local' } }, undefined],
    [{ Publisher: null }, undefined],
  ])('is no job %j: %s', async (task, what) => {
    const { shouldBid, reason } = await decide(parse(spec(task)), { disabled });
    expect(shouldBid).toBe(what === undefined);
    if (what !== undefined) expect(reason).toContain(`that need what it has disabled: ${what}`);
  });
});

describe('what a job will not reach', () => {
  const operator = {
    deny: ['.evil.example.net', 'requester.example.org', '8443.example.com:8443'],
    allowAddresses: ['10.1.0.0/16:443'],
    allowPorts: [],
  };
  const reason = async (...domains: string[]) => {
    await using admission = createAdmission({}, { operator });
    const verdict = await admission.decide(jobOn('HTTP', ...domains));
    expect(verdict.shouldBid).toBe(true);
    return verdict.reason;
  };

  it.each([
    ['requester.example.org', 'which its operator denies'],
    ['a.evil.example.net', 'which its operator denies'],
    ['.evil.example.net', 'which its operator denies'],
    ['8443.example.com:8443', 'which its operator denies'],
    ['10.2.0.1', 'which is no public address'],
    ['::ffff:10.2.0.1', 'which is no public address'],
    ['fd00::1', 'which is no public address'],
  ])('is told, and no refusal: %s', async (domain, why) => {
    expect(await reason('example.com', domain)).toContain(`do not reach here: ${domain}, ${why}`);
  });

  it.each([
    'example.org',
    '.requester.example.org',
    '8443.example.com',
    '10.1.0.1',
    '1.1.1.1',
    '2606:4700::1111',
  ])('is not %s', async (domain) => {
    expect(await reason(domain)).not.toContain('do not reach');
  });
});

describe('what a job may ask for', () => {
  it('is not the network of a host whose operator forbids it', async () => {
    for (const type of ['Host', 'Full']) {
      expect((await decide(jobOn(type), { rejectHostNetwork: true })).reason).toContain("the host's network");
    }
    expect((await decide(jobOn('Bridge'), { rejectHostNetwork: true })).shouldBid).toBe(true);
  });

  it.each([
    [
      'Network',
      { Network: { Type: 'Host', Ports: [{ Name: 'web', Static: 8080 }] } },
      'port mappings (Tasks[0].Network.Ports)',
    ],
    [
      'privileged',
      { Engine: engine({ Privileged: true }) },
      'privileged mode (Tasks[0].Engine.Params.Privileged)',
    ],
    ['cap_add', { Engine: engine({ cap_add: ['NET_ADMIN'] }) }, 'added capabilities'],
    ['CapAdd', { Engine: engine({ CapAdd: ['NET_ADMIN'] }) }, 'added capabilities'],
    ['ExtraHosts', { Engine: engine({ ExtraHosts: ['a:192.0.2.1'] }) }, 'extra hosts'],
    ['Networks', { Networks: ['bridge'] }, 'a second network (Tasks[0].Networks)'],
    ['NetworkMode', { Engine: engine({ NetworkMode: 'host' }) }, 'a network mode'],
    ['Mounts', { Engine: engine({ Mounts: [{ Source: '/' }] }) }, 'mounts by the engine'],
  ])('is not %s', async (_, task, what) => {
    expect(await decide(parse(spec(task)), {})).toEqual({
      shouldBid: false,
      reason: expect.stringContaining(`this node does not accept jobs that ask for`),
    });
    expect((await decide(parse(spec(task)), {})).reason).toContain(what);
  });

  it('is found in old specs as well', async () => {
    const job = parse({
      node_id: 'n',
      job_id: 'j',
      spec: { Docker: { Image: 'a', Privileged: true }, Ports: [80] },
    });
    expect((await decide(job, {})).reason).toContain('port mappings (Tasks[0].Ports), privileged mode');
  });

  it('may be there without asking for anything', async () => {
    const task = {
      Network: { Type: 'Host', Ports: [] },
      Engine: engine({ Privileged: false, CapAdd: null, ExtraHosts: [] }),
    };
    expect((await decide(parse(spec(task)), {})).shouldBid).toBe(true);
  });

  it.each([
    [{ type: 'HTTP', domains: [] }, 'no domain'],
    [{ type: 'Bridge', domains: ['example.com'] }, 'name domains with Bridge'],
    [{ type: 'Mesh', domains: [] }, 'unknown network type'],
  ])('is judged of jobs that a program made itself, too: %j', async (network, reason) => {
    expect(await decide({ ...HTTP, network: network as Job['network'] }, {})).toEqual({
      shouldBid: false,
      reason: expect.stringContaining(reason),
    });
  });

  it('is no id that could be something else', async () => {
    expect((await decide({ ...HTTP, id: '../../etc' }, {})).shouldBid).toBe(false);
    expect((await decide({ ...HTTP, executionId: 'e\nX: y' }, {})).shouldBid).toBe(false);
    expect((await decide({ ...HTTP, id: 'j-1', executionId: 'e_1.2' }, {})).shouldBid).toBe(true);
  });
});

describe('Default', () => {
  it('is none on a node that refuses networked jobs or restricts domains, Bridge on any other', () => {
    const job = jobOn(undefined);
    expect(effectiveNetwork(job, {})).toBe('Bridge');
    expect(effectiveNetwork(job, { rejectNetworkedJobs: true })).toBe('None');
    expect(effectiveNetwork(job, { allowedDomains: [] })).toBe('None');
    expect(effectiveNetwork(job, { allowedDomainsFile: '/etc/domains' })).toBe('None');
    expect(effectiveNetwork(job, createAdmission({ rejectNetworkedJobs: true }))).toBe('None');
    expect(effectiveNetwork(HTTP, { rejectNetworkedJobs: true })).toBe('HTTP');
  });
});

describe('Default of a job that a node runs which only asks', () => {
  const asked = async (job: Job, config: AdmissionConfig) => {
    await using admission = createAdmission(config);
    const verdict = await admission.decide(job, { runBy: 'bacalhau' });
    expect(verdictOf(await admission.explain(job, { runBy: 'bacalhau' }))).toEqual(verdict);
    return verdict;
  };

  it.each(['Default', undefined])('is a Bridge: %s', async (type) => {
    const job = jobOn(type);
    expect(await asked(job, { allowedDomains: ['example.com'] })).toEqual({
      shouldBid: false,
      reason: expect.stringContaining('set Network.Type to None, or to HTTP with Domains'),
    });
    expect((await asked(job, {})).reason).toContain(
      'open Bridge where they run; this node does accept jobs that need a network',
    );
    // Where jobgate runs it, it is None there.
    expect((await decide(job, { allowedDomains: ['example.com'] })).shouldBid).toBe(true);
  });

  it('is None where the node refuses networked jobs', async () => {
    const config = { allowedDomains: [], rejectNetworkedJobs: true };
    expect((await asked(jobOn('Default'), config)).reason).toContain('that need no network');
    expect((await asked(jobOn('Bridge'), config)).shouldBid).toBe(false);
  });

  it('is what the gate gives, where that is its engine', async () => {
    const none = { gateDefault: [], allowedDomains: ['example.com'] };
    expect(await asked(jobOn('Default'), none)).toEqual({
      shouldBid: true,
      reason: expect.stringMatching(
        /^this node does accept jobs with Default networking, which is no network here/,
      ),
    });
    expect((await asked(jobOn('Default'), { allowedDomains: ['example.com'] })).shouldBid).toBe(false);
    const some = { gateDefault: ['example.com'] };
    expect((await asked(jobOn('Default'), some)).reason).toContain('which is HTTP to example.com here');
    expect((await asked(jobOn('Default'), { ...some, allowedDomains: ['example.org'] })).reason).toBe(
      'this node does not accept jobs that need domains not on its allowlist: example.com',
    );
    // Any other network is judged as ever.
    expect((await asked(jobOn('Bridge'), none)).shouldBid).toBe(false);
    expect((await asked(jobOn('Host'), { ...some, rejectHostNetwork: true })).shouldBid).toBe(false);
    expect((await asked(jobOn('Bridge'), { gateDefault: [] })).reason).toMatch(
      /with Bridge networking, which is no network here.*that need a network/,
    );
    expect((await asked(jobOn('Host'), some)).shouldBid).toBe(true);
    expect((await asked(jobOn('Host'), { ...some, gateHostNetwork: false })).reason).toContain('its gate');
    // Which is not the engine of what jobgate runs itself.
    expect((await decide(jobOn('Host'), { ...some, gateHostNetwork: false })).shouldBid).toBe(true);
  });

  it.each<[string, AdmissionConfig, string, readonly string[]]>([
    ['Default', { gateDefault: [] }, 'None', []],
    ['Default', { gateDefault: ['example.com'] }, 'HTTP', ['example.com']],
    ['Default', { gateDefault: ['example.com'], rejectNetworkedJobs: true }, 'None', []],
    ['Default', {}, 'Bridge', []],
    ['Bridge', { gateDefault: ['example.com'] }, 'Bridge', []],
    ['Host', { gateDefault: [] }, 'Host', []],
    ['None', { gateDefault: ['example.com'] }, 'None', []],
  ])('that says %s gets with %j: %s', (type, config, gets, domains) => {
    expect(networkAsRun(jobOn(type), config, { runBy: 'bacalhau' })).toMatchObject({ type: gets, domains });
  });

  it('is a Bridge to rules of your own, too', async () => {
    const rule = {
      name: 'own',
      decide: ({ network }: Job) => ({ shouldBid: network.type !== 'Bridge', reason: '' }),
    };
    expect((await asked(jobOn('Default'), { rules: [rule] })).shouldBid).toBe(false);
    expect((await decide(jobOn('Default'), { rules: [rule] })).shouldBid).toBe(true);
  });
});

function engine(params: object): object {
  return { Type: 'docker', Params: { Image: 'a', ...params } };
}
