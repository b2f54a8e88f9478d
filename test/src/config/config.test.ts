import { describe, expect, it } from 'vitest';
import { DEFAULT_OPERATOR_POLICY, DEFAULT_RATE } from '../../../proxy/policy/policy.js';
import { loadConfig } from '../../../src/config/load.js';
import { configFolder, type Sources } from './loading.js';

const { file, inFolder, load, problems } = configFolder();

describe('without configuration', () => {
  it('everything has its default', async () => {
    expect(await load({})).toEqual({
      admission: {
        rejectNetworkedJobs: false,
        rejectStatelessJobs: false,
        rejectHostNetwork: false,
        locality: 'anywhere',
        allowedMounts: [],
        allowPorts: [],
        probeTimeoutMs: 30_000,
        probeOutputBytes: 65_536,
        probeConcurrency: 16,
      },
      operator: DEFAULT_OPERATOR_POLICY,
      rate: DEFAULT_RATE,
      gateway: { placement: 'auto', port: 13_128, anyProgram: true, outside: 'bridge' },
      allowLearn: false,
      account: { keepMs: 604_800_000, keepBytes: 67_108_864 },
      service: {
        listen: 'unix:/run/jobgate/jobgate.sock',
        stateDirectory: '/var/lib/jobgate',
        brokenContract: 'disconnect',
        unusedAfterMs: 600_000,
        keepEndedMs: 86_400_000,
        drainMs: 10_000,
      },
      log: { level: 'info', format: 'pretty' },
    });
    expect(await load({ yaml: '' })).toMatchObject({ rate: DEFAULT_RATE });
    expect(await load({ yaml: '# nothing\nEgress:\n' })).toMatchObject({ rate: DEFAULT_RATE });
  });
});

describe("the reference's blocks", () => {
  it('of 1.5 and later work unchanged', async () => {
    const yaml = `
JobAdmissionControl:
  RejectNetworkedJobs: true
  RejectStatelessJobs: false
  Locality: anywhere
  ProbeExec: ./probe.sh
  ProbeHTTP: http://127.0.0.1:9000/probe
  AllowedDomains: [.example.com, proxy.golang.org]
`;
    expect((await load({ yaml })).admission).toMatchObject({
      rejectNetworkedJobs: true,
      rejectStatelessJobs: false,
      locality: 'anywhere',
      probeExec: './probe.sh',
      probeHttp: 'http://127.0.0.1:9000/probe',
      allowedDomains: ['.example.com', 'proxy.golang.org'],
    });
  });

  it('of before 1.5 work unchanged', async () => {
    const yaml = `
Node:
  Compute:
    JobSelection: {Locality: anywhere, ProbeExec: "", ProbeHttp: "", RejectStatelessJobs: false, AcceptNetworkedJobs: true}
`;
    const { admission } = await load({ yaml });
    expect(admission).toMatchObject({
      rejectNetworkedJobs: false,
      locality: 'anywhere',
      rejectStatelessJobs: false,
    });
    expect(admission).not.toHaveProperty('probeExec');
    expect(admission).not.toHaveProperty('probeHttp');
  });

  it('of before 1.5 refuse networked jobs unless they accept them, as they did', async () => {
    const reject = async (block: string, more: Sources = {}) =>
      (await load({ yaml: `Node: {Compute: {JobSelection: {${block}}}}`, ...more })).admission
        .rejectNetworkedJobs;
    expect(await reject('Locality: local')).toBe(true);
    expect(await reject('')).toBe(true);
    expect(await reject('AcceptNetworkedJobs: false')).toBe(true);
    expect(await reject('AcceptNetworkedJobs: true')).toBe(false);
    expect(await reject('Locality: local', { flags: { jobSelectionAcceptNetworked: true } })).toBe(false);
  });

  it('may be written in any letter case', async () => {
    const yaml =
      'jobadmissioncontrol: {rejectnetworkedjobs: true, probehttp: "http://127.0.0.1/"}\nnode: {compute: {jobselection: {locality: Local}}}';
    expect((await load({ yaml })).admission).toMatchObject({
      rejectNetworkedJobs: true,
      probeHttp: 'http://127.0.0.1/',
      locality: 'local',
    });
  });
});

describe('two spellings', () => {
  it('may say the same', async () => {
    const yaml =
      'JobAdmissionControl: {RejectNetworkedJobs: false}\nNode: {Compute: {JobSelection: {AcceptNetworkedJobs: true}}}';
    expect((await load({ yaml })).admission.rejectNetworkedJobs).toBe(false);
  });

  it.each<[string, Sources, string[]]>([
    [
      'in a file',
      {
        yaml: 'JobAdmissionControl:\n  RejectNetworkedJobs: true\nNode:\n  Compute:\n    JobSelection:\n      AcceptNetworkedJobs: true\n',
      },
      [
        'node.yaml:6: Node.Compute.JobSelection.AcceptNetworkedJobs: true contradicts node.yaml:2: JobAdmissionControl.RejectNetworkedJobs: true; keep one of them',
      ],
    ],
    [
      'in a file, of a probe',
      {
        yaml: 'JobAdmissionControl: {ProbeExec: a}\nNode: {Compute: {JobSelection: {ProbeExec: b, AcceptNetworkedJobs: true}}}',
      },
      [
        'node.yaml:2: Node.Compute.JobSelection.ProbeExec: "b" contradicts node.yaml:1: JobAdmissionControl.ProbeExec: "a"; keep one of them',
      ],
    ],
    [
      'in the environment',
      { env: { JOBGATE_REJECT_NETWORKED_JOBS: 'true', JOBGATE_ACCEPT_NETWORKED_JOBS: 'true' } },
      [
        'JOBGATE_ACCEPT_NETWORKED_JOBS: true contradicts JOBGATE_REJECT_NETWORKED_JOBS: true; keep one of them',
      ],
    ],
    [
      'on the command line',
      { flags: { rejectNetworkedJobs: true, jobSelectionAcceptNetworked: true } },
      ['--job-selection-accept-networked: true contradicts --reject-networked-jobs: true; keep one of them'],
    ],
    [
      'as a list and as a file',
      { yaml: 'JobAdmissionControl:\n  AllowedDomains: []\n  AllowedDomainsFile: domains.txt\n' },
      [
        'node.yaml:3: JobAdmissionControl.AllowedDomainsFile: contradicts node.yaml:2: JobAdmissionControl.AllowedDomains: set one of them',
      ],
    ],
  ])('may not contradict each other: %s', async (_, sources, expected) => {
    expect(await problems(sources)).toEqual(expected);
  });
});

describe('precedence', () => {
  it('is flag, environment, file, default', async () => {
    const yaml = 'Egress: {Rate: 1mbit}\nJobAdmissionControl: {RejectNetworkedJobs: true}';
    const env = { JOBGATE_RATE: '2mbit', JOBGATE_REJECT_NETWORKED_JOBS: 'no' };
    expect((await load({ yaml })).rate).toBe(1_000_000);
    expect((await load({ yaml, env })).rate).toBe(2_000_000);
    expect((await load({ yaml, env, flags: { rate: '3mbit' } })).rate).toBe(3_000_000);
    expect((await load({ yaml, env, flags: { rate: 'unlimited' } })).rate).toBeNull();
    expect((await load({ yaml })).admission.rejectNetworkedJobs).toBe(true);
    expect((await load({ yaml, env })).admission.rejectNetworkedJobs).toBe(false);
    expect(
      (await load({ yaml, flags: { jobSelectionAcceptNetworked: true } })).admission.rejectNetworkedJobs,
    ).toBe(false);
  });

  it('has LOG_LEVEL before the default only, and in any case', async () => {
    const level = async (sources: Sources) => (await load(sources)).log.level;
    expect(await level({ env: { LOG_LEVEL: 'WARN' } })).toBe('warn');
    expect(await level({ env: { LOG_LEVEL: 'loud' } })).toBe((await load({})).log.level);
    expect(await level({ env: { LOG_LEVEL: 'error', JOBGATE_LOG_LEVEL: 'info' } })).toBe('info');
    expect(await level({ env: { LOG_LEVEL: 'error' }, yaml: 'Log: {Level: debug}' })).toBe('debug');
  });

  it('adds up what is denied: no flag opens what the file closes', async () => {
    const yaml = 'Egress: {Denied: [requester.example.com], AllowPorts: [22]}';
    const { operator } = await load({
      yaml,
      env: { JOBGATE_DENIED: 'b.example.com, .c.example.com:8443' },
      flags: { deny: ['d.example.com'], allowPort: ['25'] },
    });
    expect([...operator.deny].sort()).toEqual([
      '.c.example.com:8443',
      'b.example.com',
      'd.example.com',
      'requester.example.com',
    ]);
    expect(operator.allowPorts).toEqual([25]);
  });

  it('chooses between a list of domains and a file of them by the stronger layer', async () => {
    const yaml = 'JobAdmissionControl: {AllowedDomainsFile: domains.txt}';
    expect((await load({ yaml })).admission).toMatchObject({ allowedDomainsFile: inFolder('domains.txt') });
    const { admission } = await load({ yaml, flags: { allowedDomain: ['example.com'] } });
    expect(admission).toMatchObject({ allowedDomains: ['example.com'] });
    expect(admission).not.toHaveProperty('allowedDomainsFile');
  });

  it('takes the file from the flag, then from JOBGATE_CONFIG', async () => {
    const a = file('a.yaml', 'Egress: {Rate: 1mbit}');
    const b = file('b.yaml', 'Egress: {Rate: 2mbit}');
    expect((await loadConfig({ env: { JOBGATE_CONFIG: b } })).rate).toBe(2_000_000);
    expect((await loadConfig({ env: { JOBGATE_CONFIG: b }, flags: { config: a } })).rate).toBe(1_000_000);
  });

  it('leaves alone what is empty, except that an empty list of domains is none', async () => {
    const env = { JOBGATE_RATE: '', JOBGATE_PROBE_EXEC: '', JOBGATE_DENIED: '' };
    expect(await load({ env, flags: { deny: [], allowAddress: [], addHost: [] } })).toMatchObject({
      rate: DEFAULT_RATE,
    });
    expect((await load({ env: { JOBGATE_ALLOWED_DOMAINS: '' } })).admission.allowedDomains).toEqual([]);
    expect(
      (await load({ yaml: 'JobAdmissionControl: {AllowedDomains: []}' })).admission.allowedDomains,
    ).toEqual([]);
    expect((await load({})).admission).not.toHaveProperty('allowedDomains');
  });
});

describe('an upstream', () => {
  it('takes credentials from a file or a variable, and no message repeats them', async () => {
    file('credentials', 'user:p@ss:word\n');
    const yaml = 'Egress: {Upstream: "socks5h://192.0.2.1:1080", UpstreamCredentialsFile: credentials}';
    expect((await load({ yaml })).operator.upstream).toBe('socks5h://user:p%40ss%3Aword@192.0.2.1:1080');
    const env = { JOBGATE_UPSTREAM: 'http://192.0.2.1:3128', JOBGATE_UPSTREAM_CREDENTIALS: 'u:v' };
    expect((await load({ env })).operator.upstream).toBe('http://u:v@192.0.2.1:3128');
    file('credentials', 'secret-without-colon\n');
    expect((await problems({ yaml })).join()).toMatch(/UpstreamCredentialsFile: (?!.*secret)/);
  });
});
