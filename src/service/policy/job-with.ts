import type { Job } from '../../../admission/job.js';
import { parseJobSpec } from '../../../admission/job-spec.js';
import type { Config } from '../../config/load.js';
import { ApiError } from '../api-error.js';
import { networkSpec } from '../gateway-request.js';
import type { ServedGateway } from '../served-gateway.js';

/**
 * The job of a gateway with other domains, for admission: as it was opened with, or, where another serve opened it, its
 * network alone.
 *
 * @throws ApiError `invalid-request`
 */
export function jobWith(
  { policy, job }: Pick<ServedGateway, 'policy' | 'job'>,
  domains: readonly string[],
  { operator: { allowPorts } }: Config,
): Job & { readonly id: string } {
  const { job: id, execution } = policy;
  const Network = { Type: 'HTTP', Domains: [...domains] };
  const asked = parseJobSpec(networkSpec(id, Network), { purpose: 'admission', allowPorts });
  if (!asked.ok) throw ApiError.invalid(asked.problems);
  const ids = { id, ...(execution !== undefined && { executionId: execution }) };
  if (!job) return { ...asked.value, ...ids };
  const spec = job.spec as { readonly Tasks?: readonly object[] };
  const [task, ...others] = spec.Tasks ?? [];
  return {
    ...job,
    ...ids,
    network: asked.value.network,
    spec: { ...spec, Tasks: [{ ...task, Network }, ...others] },
  };
}
