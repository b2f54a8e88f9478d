import { type Admission, effectiveNetwork } from '../../admission/admission.js';
import type { Job, NetworkType } from '../../admission/job.js';
import { AdmissionRefused } from '../errors.js';

declare const admitted: unique symbol;

/** A job that this node accepted, with the network type that it gets here. Only {@link admit} makes one. */
export type AdmittedJob = Job & {
  readonly id: string;
  readonly network: { readonly type: Exclude<NetworkType, 'Default'>; readonly domains: readonly string[] };
  readonly [admitted]: true;
};

/**
 * Asks the node's admission, before anything is created.
 *
 * @throws AdmissionRefused with the reason.
 */
export async function admit(job: Job & { readonly id: string }, admission: Admission): Promise<AdmittedJob> {
  const verdict = await admission.decide(job);
  if (!verdict.shouldBid) throw new AdmissionRefused(verdict.reason);
  const type = effectiveNetwork(job, admission);
  return { ...job, network: { ...job.network, type } } as AdmittedJob;
}
