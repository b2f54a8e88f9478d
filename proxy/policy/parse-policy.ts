import { Allowlist } from './allowlist.js';
import { assertBudget, type Budget, smallerBudget } from './budget.js';
import { parseCertificates } from './certificates.js';
import { type CidrPort, parseCidrPort } from './cidr-port.js';
import { DenyList } from './deny-list.js';
import { type DnsChoice, parseDns } from './dns-flags.js';
import { formatIp, parseIp, unmapped } from './ip.js';
import type { EgressPolicy } from './policy.js';
import { PolicyError } from './policy-error.js';
import { assertBurst, assertRate } from './rate.js';
import { parseUpstream, type Upstream } from './upstream.js';

/** A policy that was read: nothing of it is parsed again. */
export interface ParsedPolicy {
  /** As it was given. */
  readonly policy: EgressPolicy;
  readonly allowlist: Allowlist;
  /** Let hosts through that the allowlist does not have, where `within` has them; absent: any. */
  readonly learn?: { readonly within?: Allowlist };
  /** Of the job's and the operator's the smaller. */
  readonly budget: Budget | null;
  readonly deny: DenyList;
  readonly jobDeny: DenyList;
  /** What the operator lets jobs reach although it is not public, or is the node. */
  readonly exceptions: readonly CidrPort[];
  /** Canonical, never IPv4-mapped. */
  readonly nodeAddresses: readonly string[];
  readonly dns: DnsChoice;
  readonly upstream?: Upstream;
  /** PEM, one certificate each. */
  readonly trustedCertificates: readonly string[];
}

/**
 * Reads a policy, and opens nothing.
 *
 * @throws AllowlistError for a job's or node's domain entry, DenyListError for an entry of a deny list,
 *   PolicyError (the class of both) for a rate, a burst, a budget, an exception, a node address, the DNS server, the upstream or
 *   the certificates
 */
export function parsePolicy(policy: EgressPolicy): ParsedPolicy {
  const { job, operator } = policy;
  const { allowPorts } = operator;
  if (job.rate !== null) {
    assertRate(job.rate);
    assertBurst(operator.burst);
  }
  assertBudget(job.budget);
  assertBudget(operator.budget);
  const within = job.learn && operator.learnWithin && Allowlist.parse(operator.learnWithin, { allowPorts });
  const dns = parseDns(operator.dns);
  if (!dns.ok) throw new PolicyError(dns.problem);
  const upstream = operator.upstream === undefined ? undefined : parseUpstream(operator.upstream);
  if (upstream && !upstream.ok) throw new PolicyError(upstream.problem);
  const trusted =
    operator.trustedCertificates === undefined ? undefined : parseCertificates(operator.trustedCertificates);
  if (trusted && !trusted.ok) throw new PolicyError(`trustedCertificates ${trusted.problem}`);
  return {
    policy,
    allowlist: Allowlist.parse(job.allow, { allowPorts }),
    ...(job.learn && { learn: within ? { within } : {} }),
    budget: smallerBudget(job.budget, operator.budget),
    deny: DenyList.parse(operator.deny),
    jobDeny: DenyList.parse(job.deny ?? []),
    exceptions: operator.allowAddresses.map(exception),
    nodeAddresses: operator.nodeAddresses.map(nodeAddress),
    dns: dns.value,
    ...(upstream && { upstream: upstream.value }),
    trustedCertificates: trusted?.value ?? [],
  };
}

/** Reads `CIDR[:PORT]`. @throws PolicyError */
export function exception(text: string): CidrPort {
  const parsed = parseCidrPort(text);
  if (parsed.ok) return parsed.value;
  throw new PolicyError(`address exception ${JSON.stringify(text)}: ${parsed.problem}`);
}

function nodeAddress(text: string): string {
  const ip = parseIp(text);
  if (ip === undefined) throw new PolicyError(`node address ${JSON.stringify(text)} is not an IP address`);
  return formatIp(unmapped(ip));
}
