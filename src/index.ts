/**
 * jobgate as a library: what the commands are made of. Importing it has no side effect.
 *
 * @packageDocumentation
 */

// May this job run here?
export {
  type Admission,
  type AdmissionOptions,
  type AllowlistStatus,
  createAdmission,
} from '../admission/admission.js';
export { type AdmissionConfig, AdmissionConfigError } from '../admission/config.js';
export type { DomainFileState } from '../admission/domain-file.js';
export {
  type EffectiveNetwork,
  effectiveNetwork,
  networkAsRun,
  type RunOptions,
} from '../admission/effective-network.js';
export type { ForbiddenRequest } from '../admission/forbidden-requests.js';
export type { Input, Job, NetworkSpec, NetworkType } from '../admission/job.js';
export { type ParsedFile, parseJobFile } from '../admission/job-file.js';
export { type JobSpecOptions, type ParsedSpec, parseJobSpec } from '../admission/job-spec.js';
export type { SpecProblem } from '../admission/problem.js';
export type { Rule, RuleAnswer, Verdict } from '../admission/rule.js';
export type { InputLocator } from '../admission/rules/locality.js';
export {
  CommandError,
  isolatedOptions,
  type JobNames,
  type Mount,
  StartGivenUp,
  type Stdio,
} from '../docker/engine/container.js';
export { type Engine, type EngineEndpoint, findEngine, openEngine } from '../docker/engine/engine.js';
export {
  EngineError,
  GatewayError,
  LockdownError,
  PlacementError,
  PortTakenError,
} from '../docker/engine/errors.js';
export type { PullPolicy } from '../docker/engine/image.js';
// Where the job is put.
export { type ClientEnv, clientEnv } from '../docker/gateway/client-env.js';
export { type ContainerGatewayOptions, containerGateways } from '../docker/gateway/container-gateways.js';
export type { Gateway, OpenGateway, OpenGatewayOptions } from '../docker/gateway/gateway.js';
export { type HostGatewayOptions, hostGateways } from '../docker/gateway/host-gateway.js';
export type { NetworkRecord } from '../docker/gateway/labels.js';
export type { OwnedNetwork, Placement } from '../docker/gateway/owned-network.js';
export { type Owner, type OwnerKind, type OwnerRef, openOwner } from '../docker/gateway/owner.js';
export { type PlacedGatewaysOptions, placedGateways } from '../docker/gateway/placement.js';
export type { SubnetPoolOptions } from '../docker/gateway/subnet-pool.js';
export { type SweepOptions, type Swept, sweep } from '../docker/gateway/sweep.js';
export { type Family, type Firewall, FirewallError } from '../docker/host/firewall.js';
export { Lockdown, type LockdownFigures, type LockdownOptions } from '../docker/host/lockdown.js';
export { type Grants, Ledger, type LedgerOptions, type Spent } from '../proxy/budget/ledger.js';
export {
  createEgressProxy,
  type EgressProxy,
  type EgressProxyOptions,
  type ListenOptions,
} from '../proxy/egress-proxy.js';
// The way out.
export type { Bound, DirectPorts } from '../proxy/listeners.js';
export {
  type AllowEntry,
  Allowlist,
  AllowlistError,
  type AllowlistOptions,
} from '../proxy/policy/allowlist.js';
export type { CanonicalHost, Host, HostKind } from '../proxy/policy/authority.js';
export { type Budget, formatBudget, parseBudget } from '../proxy/policy/budget.js';
export { DENIALS, type DenialReason } from '../proxy/policy/denials.js';
export { DenyListError } from '../proxy/policy/deny-list.js';
export { JobgateError } from '../proxy/policy/jobgate-error.js';
export type { Logger } from '../proxy/policy/logger.js';
export {
  DEFAULT_LIMITS,
  DEFAULT_OPERATOR_POLICY,
  DEFAULT_RATE,
  type EgressPolicy,
  type JobPolicy,
  type Limits,
  type OperatorPolicy,
  type PolicyChange,
  type PolicyChanged,
} from '../proxy/policy/policy.js';
export { PolicyError } from '../proxy/policy/policy-error.js';
export {
  type ClosedEvent,
  type DecisionEvent,
  EVENT_VERSION,
  type How,
  type ProxyEvent,
} from '../proxy/report/events.js';
export type { Figures, HostFigures } from '../proxy/report/figures.js';
export { Workers, type WorkersFigures, type WorkersOptions } from '../proxy/worker/workers.js';
export { ConfigError } from './config/config-error.js';
export { AdmissionRefused, UsageError } from './errors.js';
// A job from beginning to end.
export { type AdmittedJob, admit } from './job/admit.js';
export type { DenialRow } from './job/denial-text.js';
export { type JobResult, type RunJobOptions, runJob } from './job/run-job.js';
export type { During } from './progress.js';
