import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_OPERATOR_POLICY, DEFAULT_RATE } from '../../../proxy/policy/policy.js';
import { ConfigError } from '../../../src/config/config-error.js';
import { SETTING_NAMES } from '../../../src/config/layer.js';
import { type Config, loadConfig } from '../../../src/config/load.js';
import type { Setting } from '../../../src/config/setting.js';
import { SETTINGS } from '../../../src/config/settings.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'config-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Sources {
  readonly yaml?: string;
  readonly env?: Record<string, string>;
  readonly flags?: object;
}

function load({ yaml, env = {}, flags = {} }: Sources): Promise<Config> {
  const file = join(dir, 'node.yaml');
  if (yaml === undefined) return loadConfig({ env, flags });
  writeFileSync(file, yaml);
  return loadConfig({ file, env, flags });
}

/** The problems, with the file's directory left out. */
async function problems(sources: Sources): Promise<readonly string[]> {
  try {
    await load(sources);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map((problem) => problem.replaceAll(`${dir}/`, ''));
    throw error;
  }
  return [];
}

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
    expect((await load({ yaml })).admission).toMatchObject({ allowedDomainsFile: join(dir, 'domains.txt') });
    const { admission } = await load({ yaml, flags: { allowedDomain: ['example.com'] } });
    expect(admission).toMatchObject({ allowedDomains: ['example.com'] });
    expect(admission).not.toHaveProperty('allowedDomainsFile');
  });

  it('takes the file from the flag, then from JOBGATE_CONFIG', async () => {
    const [a, b] = [join(dir, 'a.yaml'), join(dir, 'b.yaml')];
    writeFileSync(a, 'Egress: {Rate: 1mbit}');
    writeFileSync(b, 'Egress: {Rate: 2mbit}');
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

describe('what is wrong', () => {
  it.each<[string, string]>([
    [
      'JobAdmissionControl:\n  RejectNetworkdJobs: true\n',
      'node.yaml:2: JobAdmissionControl.RejectNetworkdJobs: unknown key: did you mean RejectNetworkedJobs?',
    ],
    ['Apii:\n  Port: 1234\n', 'node.yaml:1: Apii: unknown key: did you mean API?'],
    ['Quota:\n  Disk: 7\n', 'node.yaml:1: Quota: unknown key, of jobgate and of Bacalhau; here are '],
    [
      'Node:\n  Compute:\n    JobSelectoin: {}\n',
      'node.yaml:3: Node.Compute.JobSelectoin: unknown key: did you mean JobSelection?',
    ],
    [
      'Node: {Compute: {JobSelection: {ProbeExce: x}}}',
      'node.yaml:1: Node.Compute.JobSelection.ProbeExce: unknown key: did you mean ProbeExec?',
    ],
    [
      'Compute:\n  AllowListedLocalPath: []\n',
      'node.yaml:2: Compute.AllowListedLocalPath: unknown key: did you mean AllowListedLocalPaths?',
    ],
    ['Compute: 7\n', 'node.yaml:1: Compute: must be a mapping of keys'],
    ['JobAdmissionControl: *nothing\n', 'node.yaml:1: '],
    ['JobAdmissionControl: {<<: 7}\n', 'node.yaml:1: << takes a mapping or a list of mappings'],
    ['JobAdmissionControl: &a {<<: *a, Locality: local}\n', 'node.yaml:1: << merges too much'],
    [
      'Egress:\n  Limits:\n    Tunels: 3\n',
      'node.yaml:3: Egress.Limits.Tunels: unknown key: did you mean Tunnels?',
    ],
    ['Egress: 7\n', 'node.yaml:1: Egress: must be a mapping of keys'],
    ['- a\n', 'node.yaml:1: must be a mapping of sections'],
    ['text\n', 'node.yaml:1: must be a mapping of sections'],
    ['Egress: {\n', 'node.yaml:2: '],
    ['Egress: {}\nEgress: {}\n', 'node.yaml:2: '],
    ['Egress: {Rate: 1mbit, rate: 2mbit}\n', 'node.yaml:1: Egress.rate: is there twice'],
    [
      'JobAdmissionControl:\n  RejectNetworkedJobs: yes please\n',
      'node.yaml:2: JobAdmissionControl.RejectNetworkedJobs: "yes please": must be true or false',
    ],
    [
      'JobAdmissionControl:\n  RejectNetworkedJobs: "on"\n',
      'node.yaml:2: JobAdmissionControl.RejectNetworkedJobs: "on": must be true or false',
    ],
    [
      'JobAdmissionControl:\n  RejectNetworkedJobs: [on]\n',
      'node.yaml:2: JobAdmissionControl.RejectNetworkedJobs: must be true or false',
    ],
    [
      'JobAdmissionControl:\n  Locality: nowhere\n',
      'node.yaml:2: JobAdmissionControl.Locality: "nowhere": must be anywhere or local',
    ],
    [
      'JobAdmissionControl:\n  AllowedDomains:\n',
      'node.yaml:2: JobAdmissionControl.AllowedDomains: has no value; an empty list is []',
    ],
    [
      'JobAdmissionControl:\n  AllowedDomains: example.com\n',
      'node.yaml:2: JobAdmissionControl.AllowedDomains: "example.com": must be a list',
    ],
    [
      'JobAdmissionControl:\n  AllowedDomains: [example.com, "*.x.example.com"]\n',
      'node.yaml:2: JobAdmissionControl.AllowedDomains[1]: "*.x.example.com" is not a valid entry',
    ],
    [
      'JobAdmissionControl:\n  AllowedDomains: ["example.com:22"]\n',
      'node.yaml:2: JobAdmissionControl.AllowedDomains: "example.com:22"',
    ],
    [
      'JobAdmissionControl:\n  AllowedMounts: [/run]\n',
      'node.yaml:2: JobAdmissionControl.AllowedMounts[0]: "/run" must not be mounted',
    ],
    [
      'JobAdmissionControl:\n  ProbeHTTP: ftp://a.example.com\n',
      'node.yaml:2: JobAdmissionControl.ProbeHTTP: ',
    ],
    [
      'JobAdmissionControl:\n  ProbeTimeout: soon\n',
      'node.yaml:2: JobAdmissionControl.ProbeTimeout: "soon": must be a time',
    ],
    ['Gateway:\n  Port: 70000\n', 'node.yaml:2: Gateway.Port: must be a whole number from 1 to 65515'],
    [
      'Gateway:\n  Placement: cloud\n',
      'node.yaml:2: Gateway.Placement: "cloud": must be auto, host or container',
    ],
    ['Gateway:\n  SubnetPool: lots\n', 'node.yaml:2: Gateway.SubnetPool: '],
    ['Egress:\n  Rate: fast\n', 'node.yaml:2: Egress.Rate: '],
    ['Egress:\n  DNS: dns.example.com\n', 'node.yaml:2: Egress.DNS: '],
    ['Egress:\n  AddHosts: [a.example.com]\n', 'node.yaml:2: Egress.AddHosts[0]: '],
    ['Egress:\n  AllowAddresses: [10.0.0.0/33]\n', 'node.yaml:2: Egress.AllowAddresses[0]: '],
    ['Egress:\n  AllowPorts: [0]\n', 'node.yaml:2: Egress.AllowPorts[0]: '],
    ['Egress:\n  Denied: ["http://a.example.com"]\n', 'node.yaml:2: Egress.Denied[0]: '],
    [
      'Egress:\n  NodeAddresses: [node.example.com]\n',
      'node.yaml:2: Egress.NodeAddresses[0]: "node.example.com" is not an IP address',
    ],
    ['Egress:\n  Upstream: https://proxy.example.com\n', 'node.yaml:2: Egress.Upstream: '],
    ['Egress:\n  JobHeader: "X Job"\n', 'node.yaml:2: Egress.JobHeader: "X Job": must be a header name'],
    [
      'Egress:\n  UpstreamCredentialsFile: x\n',
      'node.yaml:2: Egress.UpstreamCredentialsFile: there is no Egress.Upstream',
    ],
    ['Log:\n  Level: loud\n', 'node.yaml:2: Log.Level: "loud": must be '],
  ])('in a file is told with key and line: %j', async (yaml, expected) => {
    const [first = '', ...more] = await problems({ yaml });
    expect(first.startsWith(expected), first).toBe(true);
    for (const line of [first, ...more]) expect(line).not.toContain('\n');
  });

  it('is told all at once, whatever it comes from', async () => {
    expect(
      await problems({
        yaml: 'Egress: {Rate: fast}\nLogs: {}\n',
        env: { JOBGATE_DSN: 'system', JOBGATE_GATEWAY_PORT: 'x', PATH: '/bin', JOBGATE_DEBUG: '1' },
        flags: { allowPort: ['0x16'], logLevel: 'loud', domain: ['example.com'] },
      }),
    ).toEqual([
      expect.stringMatching(/^node.yaml:1: Egress.Rate: /),
      'node.yaml:2: Logs: unknown key: did you mean Log?',
      'JOBGATE_DSN: unknown variable: did you mean JOBGATE_DNS?',
      'JOBGATE_GATEWAY_PORT: "x": must be a whole number from 1 to 65515',
      expect.stringMatching(/^--allow-port\[0\]: "0x16": must be a whole number/),
      expect.stringMatching(/^--log-level: "loud": must be /),
    ]);
  });

  it('may be the file itself', async () => {
    await expect(loadConfig({ file: join(dir, 'absent.yaml'), env: {} })).rejects.toThrow(
      /cannot read the configuration .*absent\.yaml.*ENOENT/,
    );
    await expect(loadConfig({ file: join(dir, 'absent.yaml'), env: {} })).rejects.toBeInstanceOf(ConfigError);
  });
});

describe('an upstream', () => {
  it('takes credentials from a file or a variable, and no message repeats them', async () => {
    writeFileSync(join(dir, 'credentials'), 'user:p@ss:word\n');
    const yaml = 'Egress: {Upstream: "socks5h://192.0.2.1:1080", UpstreamCredentialsFile: credentials}';
    expect((await load({ yaml })).operator.upstream).toBe('socks5h://user:p%40ss%3Aword@192.0.2.1:1080');
    const env = { JOBGATE_UPSTREAM: 'http://192.0.2.1:3128', JOBGATE_UPSTREAM_CREDENTIALS: 'u:v' };
    expect((await load({ env })).operator.upstream).toBe('http://u:v@192.0.2.1:3128');
    writeFileSync(join(dir, 'credentials'), 'secret-without-colon\n');
    expect((await problems({ yaml })).join()).toMatch(/UpstreamCredentialsFile: (?!.*secret)/);
  });
});

describe('the table of settings', () => {
  const all = SETTING_NAMES.map((name) => SETTINGS[name] as Setting);

  it('has each key, variable and flag once', () => {
    const every = (of: (setting: Setting | NonNullable<Setting['aliases']>[number]) => string | undefined) =>
      all.flatMap((setting) => [setting, ...(setting.aliases ?? [])]).flatMap((item) => of(item) ?? []);
    for (const names of [
      every(({ key }) => key?.toLowerCase()),
      every(({ env }) => env),
      every(({ flag }) => flag),
    ]) {
      expect(names).toEqual([...new Set(names)]);
    }
  });

  it('has defaults that its own kinds accept', () => {
    for (const { key, kind, default: value } of all) {
      if (value === undefined || value === null) continue;
      expect(kind.schema.safeParse(value).success || typeof value === 'number', key).toBe(true);
    }
  });

  it('can be set by every variable that it names', async () => {
    const values: Record<string, string> = {
      JOBGATE_REJECT_NETWORKED_JOBS: 'true',
      JOBGATE_LIMIT_DNS_TIMEOUT: '2s',
      JOBGATE_LIMIT_CONNECTIONS_PER_SECOND: '7',
      JOBGATE_LIMIT_HEADER_BYTES: '32KiB',
      JOBGATE_ADD_HOSTS: 'a.example.com:192.0.2.1,b.example.com:[2001:db8::1]',
      JOBGATE_SUBNET_POOL: '10.99.0.0/16',
      JOBGATE_CHECK_TUNNELS: '0',
    };
    expect(await load({ env: values })).toMatchObject({
      admission: { rejectNetworkedJobs: true },
      operator: {
        addHosts: [
          ['a.example.com', '192.0.2.1'],
          ['b.example.com', '2001:db8::1'],
        ],
        checkTunnels: false,
        limits: { dnsTimeoutMs: 2000, connectionsPerSecond: 7, headerBytes: 32_768 },
      },
      gateway: { subnetPool: { pool: '10.99.0.0/16' } },
    });
  });
});
