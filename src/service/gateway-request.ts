import type { z } from 'zod';
import type { Job } from '../../admission/job.js';
import { parseJobSpec } from '../../admission/job-spec.js';
import type { JobPolicy } from '../../proxy/policy.js';
import { parseRate } from '../../proxy/rate/parse.js';
import type { Config } from '../config/load.js';
import { ApiError, type RequestProblem } from './api-error.js';
import type { gatewayBody } from './schemas.js';

export type GatewayRequest = z.infer<typeof gatewayBody>;

/**
 * What a request for a gateway asks of the proxy, and the job that admission is to be asked about.
 *
 * @throws ApiError `invalid-request` with all problems; `not-accepted` for a rate above the node's.
 */
export function gatewayPolicy(
  request: GatewayRequest,
  config: Config,
): { readonly policy: JobPolicy; readonly job: Job & { readonly id: string } } {
  const { jobId, executionId } = request;
  const problems: RequestProblem[] = [];
  if ((request.network === undefined) === (request.job === undefined)) {
    problems.push({ path: 'network', problem: 'give either network or job' });
  }
  const rate = readRate(request.rate, config, problems);
  const job = problems.length > 0 ? undefined : readJob(request, config, problems);
  if (!job || problems.length > 0) throw ApiError.invalid(problems);
  if (config.rate !== null && (rate === null || rate > config.rate)) {
    throw new ApiError(
      'not-accepted',
      `rate: this node gives a job at most ${config.rate} bit/s in each direction`,
    );
  }
  const ids = { ...(executionId !== undefined && { executionId }) };
  return {
    policy: {
      job: jobId,
      ...(executionId !== undefined && { execution: executionId }),
      allow: job.network.domains,
      rate,
    },
    job: { ...job, id: jobId, ...ids },
  };
}

function readRate(text: string | undefined, config: Config, problems: RequestProblem[]): number | null {
  if (text === undefined) return config.rate;
  const parsed = parseRate(text);
  if (parsed.ok) return parsed.value;
  problems.push({ path: 'rate', problem: parsed.problem });
  return config.rate;
}

function readJob(request: GatewayRequest, config: Config, problems: RequestProblem[]): Job | undefined {
  const { allowPorts } = config.operator;
  const { network } = request;
  const spec = network
    ? { ID: request.jobId, Tasks: [{ Name: 'main', Network: { Type: 'HTTP', ...network } }] }
    : request.job;
  const parsed = parseJobSpec(spec, { purpose: 'admission', allowPorts });
  if (!parsed.ok) {
    for (const { path, problem } of parsed.problems) {
      const at = network
        ? path.replace(/^Tasks\[0\]\.Network/, 'network')
        : ['job', path].filter(Boolean).join('.');
      problems.push({ path: at, problem });
    }
    return undefined;
  }
  const { type } = parsed.value.network;
  if (type !== 'HTTP') {
    problems.push({
      path: network ? 'network.Type' : 'job',
      problem: `a gateway is for HTTP networking, not for ${type}: start the container on that network yourself`,
    });
  }
  return parsed.value;
}
