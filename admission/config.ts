import { JobgateError } from '../proxy/policy/jobgate-error.js';
import type { Logger } from '../proxy/policy/logger.js';
import type { Rule } from './rule.js';
import type { Disabled } from './rules/disabled.js';
import type { InputLocator } from './rules/locality.js';

/** What the operator decided about jobs. Each field may be left out. */
export interface AdmissionConfig {
  /** Refuse every job that asks for a network. Default false. */
  readonly rejectNetworkedJobs?: boolean;
  /** Refuse jobs without inputs. Default false. */
  readonly rejectStatelessJobs?: boolean;
  /** Refuse jobs on the host's network. Default false. */
  readonly rejectHostNetwork?: boolean;
  /** `local` refuses jobs whose inputs are not on this node. Default `anywhere`. */
  readonly locality?: 'anywhere' | 'local';
  /** The only domains that jobs may reach; empty is none, absent is no restriction. Restricts jobs to None and HTTP. */
  readonly allowedDomains?: readonly string[];
  /** The same from a file, a domain a line, read again when it changes. Not together with `allowedDomains`. */
  readonly allowedDomainsFile?: string;
  /** Directories of this node that jobs may mount from, `PATH` or, writable, `PATH:rw`. Default none. */
  readonly allowedMounts?: readonly string[];
  /** `Compute.AllowListedLocalPaths` of the reference, `/path/**` or `/path/**:rw`: where `allowedMounts` is not set. */
  readonly allowListedLocalPaths?: readonly string[];
  /**
   * Domains of jobs that say `Default` and are run by a node whose engine is the gate; empty is no network. Absent: its
   * engine is another.
   */
  readonly gateDefault?: readonly string[];
  /** False: the gate gives nobody the host's network, whatever else is allowed. Default true. */
  readonly gateHostNetwork?: boolean;
  /** Engines, inputs and publishers that jobs must not name. Default none. */
  readonly disabled?: Disabled;
  /** Ports below 1024, beside 80 and 443, that domains may name. Default none. */
  readonly allowPorts?: readonly number[];
  /** Command for `bash -c` that is asked about each job. */
  readonly probeExec?: string;
  /** http(s) URL that is asked about each job. */
  readonly probeHttp?: string;
  /** Time for a probe to answer, ms; as long again to wait for its turn. Default 30 s. */
  readonly probeTimeoutMs?: number;
  /** What a probe may write, bytes; more refuses the job. Default 64 KiB. */
  readonly probeOutputBytes?: number;
  /** Probes of a kind that run at once. Default 16. */
  readonly probeConcurrency?: number;
  /** Answers whether an input is here. Default: local paths that exist. */
  readonly isLocal?: InputLocator;
  /** Rules of your own: asked after the built-in ones, before the probes. */
  readonly rules?: readonly Rule[];
  /** Told of reloads of the domain file. Default: nobody. */
  readonly logger?: Logger;
}

/** A configuration that cannot be used; the message says which field, and why. */
export class AdmissionConfigError extends JobgateError {
  override readonly name = 'AdmissionConfigError';
  override readonly code = 'JOBGATE_ADMISSION_CONFIG';
}
