import { parseAllowedMount } from '../../admission/allowed-mounts.js';
import { parseProbeUrl } from '../../admission/rules/http-probe.js';
import { parseEntry } from '../../proxy/allowlist.js';
import { parseHost } from '../../proxy/authority.js';
import { parseCidrPort } from '../../proxy/cidr-port.js';
import { parseHostEntry } from '../../proxy/entry.js';
import { DEFAULT_LIMITS, DEFAULT_OPERATOR_POLICY, DEFAULT_RATE } from '../../proxy/policy.js';
import { parseRate } from '../../proxy/rate/parse.js';
import { parseAddHost, parseDns } from '../../proxy/resolver.js';
import { parseUpstream } from '../../proxy/upstream.js';
import { LOG_FORMATS, LOG_LEVELS } from '../logging.js';
import { choice, duration, integer, type Kind, list, parsed, size, text, yesNo } from './kinds.js';

/**
 * Every setting, once: its place in the file, its variable, its flag, what it means. The loader, the errors and the
 * documentation are made of this table.
 */
export interface Setting<T = unknown> {
  readonly kind: Kind<T>;
  /** Where a file has it. */
  readonly key: string;
  /** `JOBGATE_…` */
  readonly env: string;
  /** The property that commander makes of the flag; absent where there is none. */
  readonly flag?: string;
  /** Other spellings. */
  readonly aliases?: readonly Alias[];
  /** Absent: not set unless somebody sets it. */
  readonly default?: NoInfer<T>;
  /** Every layer adds to the list, instead of replacing what the layers below say. */
  readonly adds?: boolean;
  /** An empty text is a value and not "unset". */
  readonly emptyIsValue?: boolean;
  /** In a file, a relative path is one from the file's directory. */
  readonly path?: boolean;
  readonly help: string;
}

/** Another spelling of a setting; with `negated` its opposite. */
export interface Alias {
  readonly key?: string;
  readonly env?: string;
  readonly flag?: string;
  readonly negated?: boolean;
}

const OLD = 'Node.Compute.JobSelection';
const NEW = 'JobAdmissionControl';

const domain = parsed('example.com, .example.com', (value) => {
  // Which ports are allowed is a setting too; admission judges the entry again with them.
  const entry = parseEntry(value, { allowPorts: ANY_PORT });
  return entry.ok ? { ok: true, value: entry.value.text } : entry;
});
const ANY_PORT = Array.from({ length: 1023 }, (_, index) => index + 1);

const keepText =
  (parse: (value: string) => { readonly ok: true } | { readonly ok: false; readonly problem: string }) =>
  (value: string) => {
    const result = parse(value);
    return result.ok ? ({ ok: true, value } as const) : result;
  };

const address = parsed('an IP address', (value) => {
  const host = parseHost(value);
  if (!host.ok || host.value.kind === 'name')
    return { ok: false, problem: `${JSON.stringify(value)} is not an IP address` };
  return { ok: true, value: host.value.host as string };
});

const probeUrl = parsed('http:// or https:// URL', (value) => {
  try {
    if (value !== '') parseProbeUrl(value);
    return { ok: true, value };
  } catch {
    return { ok: false, problem: `${JSON.stringify(value)} is not a URL of http:// or https://` };
  }
});

const setting = <T>(given: Setting<T>): Setting<T> => given;

export const SETTINGS = {
  rejectNetworkedJobs: setting({
    kind: yesNo,
    key: `${NEW}.RejectNetworkedJobs`,
    env: 'JOBGATE_REJECT_NETWORKED_JOBS',
    flag: 'rejectNetworkedJobs',
    aliases: [
      {
        key: `${OLD}.AcceptNetworkedJobs`,
        env: 'JOBGATE_ACCEPT_NETWORKED_JOBS',
        flag: 'jobSelectionAcceptNetworked',
        negated: true,
      },
      { key: `${NEW}.AcceptNetworkedJobs`, negated: true },
      { key: `${OLD}.RejectNetworkedJobs` },
    ],
    default: false,
    help: 'refuse jobs that ask for a network',
  }),
  rejectStatelessJobs: setting({
    kind: yesNo,
    key: `${NEW}.RejectStatelessJobs`,
    env: 'JOBGATE_REJECT_STATELESS_JOBS',
    flag: 'rejectStatelessJobs',
    aliases: [{ key: `${OLD}.RejectStatelessJobs`, flag: 'jobSelectionRejectStateless' }],
    default: false,
    help: 'refuse jobs without inputs',
  }),
  rejectHostNetwork: setting({
    kind: yesNo,
    key: `${NEW}.RejectHostNetwork`,
    env: 'JOBGATE_REJECT_HOST_NETWORK',
    flag: 'rejectHostNetwork',
    default: false,
    help: "refuse jobs on the host's network",
  }),
  locality: setting({
    kind: choice(['anywhere', 'local']),
    key: `${NEW}.Locality`,
    env: 'JOBGATE_LOCALITY',
    flag: 'locality',
    aliases: [{ key: `${OLD}.Locality`, flag: 'jobSelectionDataLocality' }],
    default: 'anywhere',
    help: 'local refuses jobs whose inputs are not on this node',
  }),
  probeExec: setting({
    kind: text,
    key: `${NEW}.ProbeExec`,
    env: 'JOBGATE_PROBE_EXEC',
    flag: 'probeExec',
    aliases: [{ key: `${OLD}.ProbeExec`, flag: 'jobSelectionProbeExec' }],
    help: 'command for bash -c that is asked about each job; exit code 0 accepts',
  }),
  probeHttp: setting({
    kind: probeUrl,
    key: `${NEW}.ProbeHTTP`,
    env: 'JOBGATE_PROBE_HTTP',
    flag: 'probeHttp',
    aliases: [{ key: `${OLD}.ProbeHttp`, flag: 'jobSelectionProbeHttp' }],
    help: 'URL that is asked about each job',
  }),
  probeTimeoutMs: setting({
    kind: duration,
    key: `${NEW}.ProbeTimeout`,
    env: 'JOBGATE_PROBE_TIMEOUT',
    default: 30_000,
    help: 'time for a probe to answer',
  }),
  probeOutputBytes: setting({
    kind: size,
    key: `${NEW}.ProbeOutput`,
    env: 'JOBGATE_PROBE_OUTPUT',
    default: 65_536,
    help: 'what a probe may answer; more refuses the job',
  }),
  probeConcurrency: setting({
    kind: integer(1, 1000),
    key: `${NEW}.ProbeConcurrency`,
    env: 'JOBGATE_PROBE_CONCURRENCY',
    default: 16,
    help: 'probes of a kind that run at once',
  }),
  allowedDomains: setting({
    kind: list(domain),
    key: `${NEW}.AllowedDomains`,
    env: 'JOBGATE_ALLOWED_DOMAINS',
    flag: 'allowedDomain',
    emptyIsValue: true,
    help: 'the only domains that jobs may reach; an empty list is none',
  }),
  allowedDomainsFile: setting({
    kind: text,
    key: `${NEW}.AllowedDomainsFile`,
    env: 'JOBGATE_ALLOWED_DOMAINS_FILE',
    flag: 'allowedDomainsFile',
    path: true,
    help: 'the same from a file, a domain a line; read again when it changes',
  }),
  allowedMounts: setting({
    kind: list(parsed('PATH or PATH:rw', keepText(parseAllowedMount))),
    key: `${NEW}.AllowedMounts`,
    env: 'JOBGATE_ALLOWED_MOUNTS',
    flag: 'allowedMount',
    default: [],
    help: 'directories of this node that job specs may mount from, read-only unless PATH:rw',
  }),
  gatewayPlacement: setting({
    kind: choice(['auto', 'host', 'container']),
    key: 'Gateway.Placement',
    env: 'JOBGATE_GATEWAY',
    flag: 'gateway',
    default: 'auto',
    help: "where a job's proxy runs",
  }),
  gatewayPort: setting({
    kind: integer(1, 65_535),
    key: 'Gateway.Port',
    env: 'JOBGATE_GATEWAY_PORT',
    flag: 'gatewayPort',
    default: 13_128,
    help: 'port of the gateways on their bridges, one for the whole host',
  }),
  subnetPool: setting({
    kind: text,
    key: 'Gateway.SubnetPool',
    env: 'JOBGATE_SUBNET_POOL',
    help: 'IPv4 range of the isolated networks, as 10.213.0.0/16',
  }),
  rate: setting({
    kind: parsed('10mbit, 500kbit, unlimited', parseRate),
    key: 'Egress.Rate',
    env: 'JOBGATE_RATE',
    flag: 'rate',
    default: DEFAULT_RATE,
    help: 'limit for each direction, over all connections of a job',
  }),
  burst: setting({
    kind: size,
    key: 'Egress.Burst',
    env: 'JOBGATE_BURST',
    default: DEFAULT_OPERATOR_POLICY.burst,
    help: 'burst of the limit',
  }),
  dns: setting({
    kind: parsed('ADDR[:PORT], system, default', (value) => {
      const dns = parseDns(value);
      if (!dns.ok) return dns;
      return { ok: true, value: dns.value.kind === 'server' ? dns.value.text : dns.value.kind };
    }),
    key: 'Egress.DNS',
    env: 'JOBGATE_DNS',
    flag: 'dns',
    default: 'default',
    help: 'DNS server of the proxies; default: those of /etc/resolv.conf',
  }),
  addHosts: setting({
    kind: list(parsed('NAME:IP', parseAddHost)),
    key: 'Egress.AddHosts',
    env: 'JOBGATE_ADD_HOSTS',
    flag: 'addHost',
    default: [],
    help: "answers of the proxies' resolver, judged like any answer",
  }),
  allowAddresses: setting({
    kind: list(parsed('CIDR[:PORT]', keepText(parseCidrPort))),
    key: 'Egress.AllowAddresses',
    env: 'JOBGATE_ALLOW_ADDRESSES',
    flag: 'allowAddress',
    default: [],
    help: 'addresses that jobs may reach though they are not public',
  }),
  allowPorts: setting({
    kind: list(integer(1, 65_535)),
    key: 'Egress.AllowPorts',
    env: 'JOBGATE_ALLOW_PORTS',
    flag: 'allowPort',
    default: [],
    help: 'ports below 1024 that domains may name, beside 80 and 443',
  }),
  denied: setting({
    kind: list(parsed('HOST[:PORT]', keepText(parseHostEntry))),
    key: 'Egress.Denied',
    env: 'JOBGATE_DENIED',
    flag: 'deny',
    aliases: [{ key: 'Denied' }],
    default: [],
    adds: true,
    help: 'hosts that no job reaches, nor the addresses that they resolve to',
  }),
  nodeAddresses: setting({
    kind: list(address),
    key: 'Egress.NodeAddresses',
    env: 'JOBGATE_NODE_ADDRESSES',
    default: [],
    adds: true,
    help: 'addresses of this node that are on no interface',
  }),
  upstream: setting({
    kind: parsed('http://…, socks5://…, socks5h://…', keepText(parseUpstream)),
    key: 'Egress.Upstream',
    env: 'JOBGATE_UPSTREAM',
    flag: 'upstream',
    help: 'proxy that all traffic of jobs leaves through',
  }),
  upstreamCredentialsFile: setting({
    kind: text,
    key: 'Egress.UpstreamCredentialsFile',
    env: 'JOBGATE_UPSTREAM_CREDENTIALS_FILE',
    path: true,
    help: 'file with USER:PASSWORD for the upstream',
  }),
  checkTunnels: setting({
    kind: yesNo,
    key: 'Egress.CheckTunnels',
    env: 'JOBGATE_CHECK_TUNNELS',
    default: true,
    help: 'close tunnels that carry neither TLS for their host nor HTTP',
  }),
  jobHeader: setting({
    kind: parsed('a header name', (value) =>
      /^[A-Za-z0-9-]{1,64}$/.test(value)
        ? { ok: true, value }
        : { ok: false, problem: 'must be a header name: letters, digits and hyphens' },
    ),
    key: 'Egress.JobHeader',
    env: 'JOBGATE_JOB_HEADER',
    default: DEFAULT_OPERATOR_POLICY.jobHeader,
    help: 'header that carries the execution or job id on plain HTTP requests',
  }),
  limitConnections: limit('Connections', 'connections', 'open connections of a job'),
  limitConnectionsPerSecond: limit(
    'ConnectionsPerSecond',
    'connectionsPerSecond',
    'new connections of a job per second',
  ),
  limitTunnels: limit('Tunnels', 'tunnels', 'CONNECT tunnels of a job'),
  limitRequests: limit('Requests', 'requests', 'plain HTTP requests of a job in flight'),
  limitDials: limit('Dials', 'dials', 'connection attempts to origins at once'),
  limitLookups: limit('Lookups', 'lookups', 'DNS look-ups at once'),
  limitHeaderBytes: limit('HeaderBytes', 'headerBytes', 'size of a request or response head', size),
  limitHeaderTimeoutMs: limit(
    'HeaderTimeout',
    'headerTimeoutMs',
    'time for a request head to arrive',
    duration,
  ),
  limitTunnelIdleMs: limit('TunnelIdle', 'tunnelIdleMs', 'time that a tunnel may be silent', duration),
  limitHelloTimeoutMs: limit(
    'HelloTimeout',
    'helloTimeoutMs',
    'time for the first bytes of a tunnel',
    duration,
  ),
  limitDnsTimeoutMs: limit('DNSTimeout', 'dnsTimeoutMs', 'time for a DNS look-up', duration),
  limitConnectTimeoutMs: limit(
    'ConnectTimeout',
    'connectTimeoutMs',
    'time for a connection to an origin',
    duration,
  ),
  logLevel: setting({
    kind: choice(LOG_LEVELS),
    key: 'Log.Level',
    env: 'JOBGATE_LOG_LEVEL',
    flag: 'logLevel',
    default: 'info',
    help: 'what goes to stderr',
  }),
  logFormat: setting({
    kind: choice(LOG_FORMATS),
    key: 'Log.Format',
    env: 'JOBGATE_LOG_FORMAT',
    flag: 'logFormat',
    default: 'pretty',
    help: 'for people or for programs',
  }),
} as const;

function limit(
  key: string,
  name: keyof typeof DEFAULT_LIMITS,
  help: string,
  kind: Kind<number> = integer(1, 1_000_000),
): Setting<number> {
  const env = key.replaceAll(/(?<=[a-z])(?=[A-Z])|(?<=DNS)(?=[A-Z])/g, '_').toUpperCase();
  return {
    kind,
    key: `Egress.Limits.${key}`,
    env: `JOBGATE_LIMIT_${env}`,
    default: DEFAULT_LIMITS[name],
    help,
  };
}

export type SettingName = keyof typeof SETTINGS;

/** Variables that share the prefix and are no settings. */
export const OTHER_VARIABLES = /^JOBGATE_(CONFIG|DEBUG|E2E|UPSTREAM_CREDENTIALS|(ENGINE|TEST)_\w+)$/;

/** A file that has this section is one of before 1.5, where networked jobs were refused unless accepted. */
export const OLD_SECTION = OLD;
