import type { AdmissionConfig } from './config.js';
import type { Job, NetworkSpec, NetworkType } from './job.js';

/** A network as a job gets it. */
export type EffectiveNetwork = NetworkSpec & { readonly type: Exclude<NetworkType, 'Default'> };

export interface RunOptions {
  /**
   * Who runs the job, and so what its `Default` network is.
   *
   * `jobgate`, the default: none on a node that refuses networked jobs or lets them reach certain domains only, Bridge
   * on any other.
   *
   * `bacalhau`, a node (1.7 and later) that asks and then runs the job itself: none where its configuration, which is
   * this one, refuses networked jobs; else what the gate gives, where the gate is its engine
   * ({@link AdmissionConfig.gateDefault}); else an open Bridge.
   */
  readonly runBy?: 'jobgate' | 'bacalhau';
}

/**
 * The network that a job gets: what it says, or what `Default` is where it runs. Whether it may is admission's to say.
 *
 * Where a node's engine is the gate, `None`, `HTTP`, `Bridge` and `Host` are judged by the rules that hold for any job;
 * what the gate makes of a `Bridge`, which a node asks of its engine in the words of a `Default`, is what it makes of that.
 */
export function networkAsRun(
  { network }: Pick<Job, 'network'>,
  node: AdmissionConfig | { readonly config: AdmissionConfig },
  { runBy = 'jobgate' }: RunOptions = {},
): EffectiveNetwork {
  const config = 'config' in node ? node.config : node;
  const gateDefault = runBy === 'bacalhau' ? config.gateDefault : undefined;
  const at = gateDefault === undefined ? {} : ({ atGate: true } as const);
  const { type } = network;
  if (type !== 'Default') return { ...network, type, ...at };
  const none = { type: 'None', domains: [], fromDefault: true, ...at } as const;
  if (config.rejectNetworkedJobs) return none;
  if (gateDefault !== undefined) {
    return gateDefault.length === 0 ? none : { ...none, type: 'HTTP', domains: gateDefault };
  }
  const restricted = config.allowedDomains !== undefined || config.allowedDomainsFile !== undefined;
  return runBy === 'jobgate' && restricted ? none : { ...none, type: 'Bridge' };
}

/** The type of {@link networkAsRun}. */
export function effectiveNetwork(
  job: Pick<Job, 'network'>,
  node: AdmissionConfig | { readonly config: AdmissionConfig },
  options?: RunOptions,
): Exclude<NetworkType, 'Default'> {
  return networkAsRun(job, node, options).type;
}
