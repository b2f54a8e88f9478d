import { parseAllowedMount } from '../../admission/allowed-mounts.js';
import { DEFAULT_PROBE_LIMITS } from '../../admission/probe.js';
import { parseProbeUrl } from '../../admission/rules/http-probe.js';
import { parseEntry } from '../../proxy/policy/allowlist.js';
import { checked, choice, duration, integer, list, parsed, size, text, yesNo } from './kinds.js';
import { setting } from './setting.js';

/** The section of before 1.5. */
const OLD = 'Node.Compute.JobSelection';
const NEW = 'JobAdmissionControl';

const ANY_PORT = Array.from({ length: 1023 }, (_, index) => index + 1);
/** A domain entry, on any port: the loader judges whole lists with the ports that the operator allows. */
export const domain = parsed('example.com, .example.com', (value) => {
  const entry = parseEntry(value, { allowPorts: ANY_PORT });
  return entry.ok ? { ok: true, value: entry.value.text } : entry;
});

const probeUrl = parsed('http:// or https:// URL', (value) => {
  try {
    if (value !== '') parseProbeUrl(value);
    return { ok: true, value };
  } catch {
    return { ok: false, problem: `${JSON.stringify(value)} is not a URL of http:// or https://` };
  }
});

export const ADMISSION_SETTINGS = {
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
    // 1.6.5 has both.
    either: [`${NEW}.RejectNetworkedJobs`, `${NEW}.AcceptNetworkedJobs`],
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
    default: DEFAULT_PROBE_LIMITS.timeoutMs,
    help: 'time for a probe to answer',
  }),
  probeOutputBytes: setting({
    kind: size,
    key: `${NEW}.ProbeOutput`,
    env: 'JOBGATE_PROBE_OUTPUT',
    default: DEFAULT_PROBE_LIMITS.outputBytes,
    help: 'what a probe may answer; more refuses the job',
  }),
  probeConcurrency: setting({
    kind: integer(1, 1000),
    key: `${NEW}.ProbeConcurrency`,
    env: 'JOBGATE_PROBE_CONCURRENCY',
    default: DEFAULT_PROBE_LIMITS.concurrency,
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
    kind: list(parsed('PATH or PATH:rw', checked(parseAllowedMount))),
    key: `${NEW}.AllowedMounts`,
    env: 'JOBGATE_ALLOWED_MOUNTS',
    flag: 'allowedMount',
    default: [],
    path: true,
    help: 'directories of this node that job specs may mount from, read-only unless PATH:rw',
  }),
  allowListedLocalPaths: setting({
    kind: list(text),
    key: 'Compute.AllowListedLocalPaths',
    env: 'JOBGATE_ALLOW_LISTED_LOCAL_PATHS',
    flag: 'allowListedLocalPaths',
    aliases: [{ key: 'Node.AllowListedLocalPaths' }],
    nullIsUnset: true,
    path: true,
    help: 'what job specs may mount, as a node has it (/path/**, /path/**:rw), where AllowedMounts is not set',
  }),
  disabledEngines: setting({
    kind: list(text),
    key: 'Engines.Disabled',
    env: 'JOBGATE_DISABLED_ENGINES',
    aliases: [{ key: 'Node.DisabledFeatures.Engines' }],
    nullIsUnset: true,
    help: 'refuse jobs with these engines',
  }),
  disabledInputs: setting({
    kind: list(text),
    key: 'InputSources.Disabled',
    env: 'JOBGATE_DISABLED_INPUTS',
    aliases: [{ key: 'Node.DisabledFeatures.Storages' }],
    nullIsUnset: true,
    help: 'refuse jobs with inputs of these types',
  }),
  disabledPublishers: setting({
    kind: list(text),
    key: 'Publishers.Disabled',
    env: 'JOBGATE_DISABLED_PUBLISHERS',
    aliases: [{ key: 'Node.DisabledFeatures.Publishers' }],
    nullIsUnset: true,
    help: 'refuse jobs with these publishers',
  }),
} as const;
