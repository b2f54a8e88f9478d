import { Allowlist } from '../proxy/policy/allowlist.js';
import { allowedMountsOf } from './allowed-mounts.js';
import { explainByRules, verdictOf } from './chain.js';
import { type AdmissionConfig, AdmissionConfigError } from './config.js';
import { AllowedDomainsFile, type DomainFileState } from './domain-file.js';
import { networkAsRun, type RunOptions } from './effective-network.js';
import type { Job } from './job.js';
import { DEFAULT_PROBE_LIMITS, type ProbeLimits } from './probe.js';
import type { Rule, RuleAnswer, Verdict } from './rule.js';
import { allowedDomainsRule } from './rules/allowed-domains.js';
import { disabledRule } from './rules/disabled.js';
import { execProbeRule } from './rules/exec-probe.js';
import { httpProbeRule } from './rules/http-probe.js';
import { existsHere, localityRule } from './rules/locality.js';
import { mountsRule } from './rules/mounts.js';
import { networkedRule } from './rules/networked.js';
import { requestedNetworkRule } from './rules/requested-network.js';
import { statelessRule } from './rules/stateless.js';
import { type Reach, unreachableRule } from './rules/unreachable.js';

/** The node's list of domains, as it is in force. */
export interface AllowlistStatus {
  /** Entries, collapsed. */
  readonly entries: readonly string[];
  /** Of a list that comes from a file. */
  readonly file?: DomainFileState;
}

/** Decides which jobs run on this node. Close it: it may have probes running and a file open. */
export interface Admission extends AsyncDisposable {
  readonly config: AdmissionConfig;
  /** Names of the rules, in the order in which they are asked. */
  readonly rules: readonly string[];
  /** All refusals joined, or all reasons. Never throws: what fails refuses. */
  decide(job: Job, options?: RunOptions): Promise<Verdict>;
  /** What every rule says. */
  explain(job: Job, options?: RunOptions): Promise<RuleAnswer[]>;
  /** What is in force of AllowedDomains; undefined where the node does not restrict them. */
  allowlist(): AllowlistStatus | undefined;
  /** Ends running probes: their jobs are refused. */
  close(): Promise<void>;
}

export interface AdmissionOptions extends Pick<AdmissionConfig, 'logger'> {
  /** Told how long each probe took to answer, ms. */
  readonly onProbe?: (rule: string, ms: number) => void;
  /** Variables of the exec probe, beside the reference's. Default none. */
  readonly probeVariables?: Readonly<Record<string, string>>;
  /** What jobs reach, whatever they name: accepted ones are told what they will not get. Default: they are not. */
  readonly operator?: Reach;
}

/**
 * Makes the node's admission.
 *
 * @throws AdmissionConfigError where the configuration cannot be used: nothing is decided by half a configuration.
 */
export function createAdmission(
  settings: AdmissionConfig = {},
  { logger, onProbe, operator, probeVariables }: AdmissionOptions = {},
): Admission {
  const config = logger ? { ...settings, logger } : settings;
  const allowPorts = config.allowPorts ?? [];
  const domains = domainList(config, allowPorts);
  const limits: ProbeLimits = {
    timeoutMs: config.probeTimeoutMs ?? DEFAULT_PROBE_LIMITS.timeoutMs,
    outputBytes: config.probeOutputBytes ?? DEFAULT_PROBE_LIMITS.outputBytes,
    concurrency: config.probeConcurrency ?? DEFAULT_PROBE_LIMITS.concurrency,
  };
  // Cheap ones first, probes last.
  const rules: Rule[] = [
    requestedNetworkRule({
      rejectHost: config.rejectHostNetwork ?? false,
      gateDefault: config.gateDefault,
      gateHostNetwork: config.gateHostNetwork,
    }),
    networkedRule({ reject: config.rejectNetworkedJobs ?? false }),
    statelessRule({ reject: config.rejectStatelessJobs ?? false }),
    ...(config.disabled ? [disabledRule(config.disabled)] : []),
    ...(domains ? [allowedDomainsRule({ ...domains, allowPorts })] : []),
    mountsRule({ allowed: allowedMountsOf(config) }),
    localityRule({ locality: config.locality ?? 'anywhere', isLocal: config.isLocal ?? existsHere }),
    ...(operator ? [unreachableRule(operator)] : []),
    ...(config.rules ?? []),
    ...(config.probeExec ? [execProbeRule(config.probeExec, limits, probeVariables)] : []),
    ...(config.probeHttp ? [httpProbeRule(config.probeHttp, limits)] : []),
  ];
  const asked = onProbe ? rules.map((rule) => (rule.probe ? timed(rule, onProbe) : rule)) : rules;
  // Where jobgate runs it, rules see what the job says.
  const asRun = (job: Job, { runBy }: RunOptions = {}): Job =>
    runBy === 'bacalhau' ? { ...job, network: networkAsRun(job, config, { runBy }) } : job;
  const close = async () => {
    await Promise.all(rules.map((rule) => rule.close?.()));
  };
  return {
    config,
    rules: rules.map(({ name }) => name),
    decide: async (job, options) => verdictOf(await explainByRules(asked, asRun(job, options))),
    explain: (job, options) => explainByRules(asked, asRun(job, options)),
    allowlist: () => domains?.status(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function timed(rule: Rule, onProbe: (rule: string, ms: number) => void): Rule {
  const decide = async (job: Job): Promise<Verdict> => {
    const start = performance.now();
    try {
      return await rule.decide(job);
    } finally {
      onProbe(rule.name, performance.now() - start);
    }
  };
  return { name: rule.name, probe: true, decide };
}

function domainList(config: AdmissionConfig, allowPorts: readonly number[]) {
  const { allowedDomains, allowedDomainsFile, logger } = config;
  if (allowedDomains !== undefined && allowedDomainsFile !== undefined) {
    throw new AdmissionConfigError('AllowedDomains and AllowedDomainsFile are both set: set one of them');
  }
  if (allowedDomainsFile !== undefined) {
    const file = new AllowedDomainsFile(allowedDomainsFile, { allowPorts, ...(logger && { logger }) });
    return {
      allowlist: () => file.current,
      close: () => file.close(),
      status: (): AllowlistStatus => ({ entries: texts(file.current), file: file.state }),
    };
  }
  if (allowedDomains === undefined) return undefined;
  const allowlist = parse(allowedDomains, allowPorts);
  return { allowlist: () => allowlist, status: (): AllowlistStatus => ({ entries: texts(allowlist) }) };
}

function parse(entries: readonly string[], allowPorts: readonly number[]): Allowlist {
  try {
    return Allowlist.parse(entries, { allowPorts });
  } catch (error) {
    throw new AdmissionConfigError(`AllowedDomains: ${(error as Error).message}`);
  }
}

function texts(allowlist: Allowlist): string[] {
  return allowlist.entries.map(({ text }) => text);
}
