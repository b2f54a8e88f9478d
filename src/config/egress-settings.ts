import { parseHost } from '../../proxy/policy/authority.js';
import { BUDGET_SYNTAX, parseBudget } from '../../proxy/policy/budget.js';
import { parseCidrPort } from '../../proxy/policy/cidr-port.js';
import { parseAddHost, parseDns } from '../../proxy/policy/dns-flags.js';
import { parseHostEntry } from '../../proxy/policy/entry.js';
import { DEFAULT_LIMITS, DEFAULT_OPERATOR_POLICY, DEFAULT_RATE } from '../../proxy/policy/policy.js';
import { parseRate } from '../../proxy/policy/rate.js';
import { parseUpstream } from '../../proxy/policy/upstream.js';
import { checked, duration, integer, type Kind, list, parsed, size, text, yesNo } from './kinds.js';
import { type Setting, setting } from './setting.js';

const address = parsed('an IP address', (value) => {
  const host = parseHost(value);
  if (!host.ok || host.value.kind === 'name')
    return { ok: false, problem: `${JSON.stringify(value)} is not an IP address` };
  return { ok: true, value: host.value.host as string };
});

export const EGRESS_SETTINGS = {
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
  budget: setting({
    kind: parsed(BUDGET_SYNTAX, parseBudget),
    key: 'Egress.Budget',
    env: 'JOBGATE_BUDGET',
    help: 'what each job may exchange in all, and with each host; of its own budget and this one the smaller holds',
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
    kind: list(parsed('CIDR[:PORT]', checked(parseCidrPort))),
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
    kind: list(parsed('HOST[:PORT]', checked(parseHostEntry))),
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
    kind: parsed('http://…, socks5://…, socks5h://…', checked(parseUpstream)),
    key: 'Egress.Upstream',
    env: 'JOBGATE_UPSTREAM',
    flag: 'upstream',
    secret: true,
    help: 'proxy that all traffic of jobs leaves through',
  }),
  upstreamCredentialsFile: setting({
    kind: text,
    key: 'Egress.UpstreamCredentialsFile',
    env: 'JOBGATE_UPSTREAM_CREDENTIALS_FILE',
    path: true,
    help: 'file with USER:PASSWORD for the upstream',
  }),
  trustedCertificatesFile: setting({
    kind: text,
    key: 'Egress.TrustedCertificatesFile',
    env: 'JOBGATE_TRUSTED_CERTIFICATES_FILE',
    path: true,
    help: "file with certificates (PEM) that are trusted beside Mozilla's where a proxy makes the TLS connection for its client",
  }),
  checkTunnels: setting({
    kind: yesNo,
    key: 'Egress.CheckTunnels',
    env: 'JOBGATE_CHECK_TUNNELS',
    default: true,
    help: 'close tunnels that carry neither TLS for their host nor HTTP',
  }),
  allowLearn: setting({
    kind: yesNo,
    key: 'Egress.AllowLearn',
    env: 'JOBGATE_ALLOW_LEARN',
    default: false,
    help: 'let jobs learn which domains they need, by reaching hosts that they do not declare',
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
    help: "header that carries the job's id on plain HTTP requests",
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
  limitDestinationConnections: limit(
    'DestinationConnections',
    'destinationConnections',
    'open connections of all jobs together to one address',
  ),
  limitDestinationConnectionsPerSecond: limit(
    'DestinationConnectionsPerSecond',
    'destinationConnectionsPerSecond',
    'new connections per second of all jobs together to one address',
  ),
  limitBufferedBytes: limit(
    'BufferedBytes',
    'bufferedBytes',
    'what is buffered for a job: beyond it the connections that hold most are cut',
    size,
  ),
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
