import { fold } from './fold.js';
import type { ForbiddenRequest } from './forbidden-requests.js';

/** `Full`, the old name of Host, is read as `Host`. */
export type NetworkType = 'None' | 'Default' | 'Host' | 'HTTP' | 'Bridge';

export interface NetworkSpec {
  readonly type: NetworkType;
  /** Allowlist entries in their canonical spelling; only with `HTTP`, and then at least one. */
  readonly domains: readonly string[];
  /** The job says Default, and this is what who runs it makes of that. */
  readonly fromDefault?: true;
  /** The engine of the node that runs it is the gate. */
  readonly atGate?: true;
}

/** Data that the job asks to have mounted. */
export interface Input {
  /** Storage type as written: `localDirectory`, `s3`, `ipfs`, … */
  readonly type: string;
  /** Path on the node; only of local inputs. */
  readonly source?: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
  /** The input as the job gave it. */
  readonly raw: unknown;
}

/** What a requester wants run, in one shape, whichever version of the spec it came in. */
export interface Job {
  /** `[A-Za-z0-9._-]{1,128}` */
  readonly id?: string;
  /** `[A-Za-z0-9._-]{1,128}` */
  readonly executionId?: string;
  readonly name?: string;
  readonly network: NetworkSpec;
  readonly engine: {
    /** `docker`, the only one that jobgate runs itself; admission is asked about others as well. */
    readonly type: string;
    /** Empty where admission was asked about a network alone, or about an engine without images. */
    readonly image: string;
    readonly entrypoint?: readonly string[];
    readonly command: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly workingDirectory?: string;
    readonly user?: string;
  };
  readonly resources: { readonly cpus?: number; readonly memoryBytes?: number };
  /** Absent is unlimited. */
  readonly timeoutMs?: number;
  readonly inputs: readonly Input[];
  /** Directories in which the node that runs it keeps what it mounts for the job, beside what the operator allows. */
  readonly nodeDirectories?: readonly string[];
  /** Fields present in the spec that a run has no use for. */
  readonly ignored: readonly string[];
  /** What the spec asks for beyond what any job may have; admission refuses it. */
  readonly forbidden?: readonly ForbiddenRequest[];
  /** The spec in the current shape, for probes (under `Job`): every field as given, names and network in canonical form. */
  readonly spec: unknown;
}

/** Ids of jobs and executions. */
export const ID_PATTERN = /^[A-Za-z0-9._-]{1,128}$/;

/** Storage types that are a path on the node. */
export function isLocalType(type: string): boolean {
  const name = fold(type.trim());
  return name === 'localdirectory' || name === 'local';
}
