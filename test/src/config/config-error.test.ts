import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.js';
import { loadConfig } from '../../../src/config/load.js';
import { configFolder } from './loading.js';

const { problems } = configFolder();

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
    await expect(loadConfig({ file: '/nowhere/absent.yaml', env: {} })).rejects.toThrow(
      /cannot read the configuration .*absent\.yaml.*ENOENT/,
    );
    await expect(loadConfig({ file: '/nowhere/absent.yaml', env: {} })).rejects.toBeInstanceOf(ConfigError);
  });
});
