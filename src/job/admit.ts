import type { Admission } from '../../admission/admission.js';
import { allowedMountsOf, mountsFor, resolveMount } from '../../admission/allowed-mounts.js';
import { type EffectiveNetwork, networkAsRun, type RunOptions } from '../../admission/effective-network.js';
import { type Input, isLocalType, type Job } from '../../admission/job.js';
import { AdmissionRefused } from '../errors.js';

declare const admitted: unique symbol;

/** A job that this node accepted, with the network that it gets where it runs. Only {@link admit} makes one. */
export type AdmittedJob = Job & {
  readonly id: string;
  readonly network: EffectiveNetwork;
  readonly [admitted]: true;
};

/**
 * Asks the node's admission, before anything is created.
 *
 * @throws AdmissionRefused with the reason.
 */
export async function admit(
  job: Job & { readonly id: string },
  admission: Admission,
  options: RunOptions = {},
): Promise<AdmittedJob> {
  const verdict = await admission.decide(job, options);
  if (!verdict.shouldBid) throw new AdmissionRefused(verdict.reason);
  const network = networkAsRun(job, admission, options);
  const inputs = await realInputs(job, admission);
  return { ...job, network, inputs } as Job as AdmittedJob;
}

/** What is mounted is the real path that was judged: a link in the given one may lead elsewhere by now. */
async function realInputs(job: Job, admission: Admission): Promise<Input[]> {
  const allowed = mountsFor(job, allowedMountsOf(admission.config));
  return Promise.all(
    job.inputs.map(async (input) => {
      if (!isLocalType(input.type)) return input;
      const mount = await resolveMount(input, allowed);
      if (!mount.ok) throw new AdmissionRefused(`this node does not accept jobs that mount ${mount.problem}`);
      return { ...input, source: mount.source, readOnly: mount.readOnly };
    }),
  );
}
