import { z } from 'zod';
import type { Job } from '../../admission/job.js';
import { parseJobSpec } from '../../admission/job-spec.js';
import type { PathSegment } from '../../admission/problem.js';
import { type Budget, parseBudget } from '../../proxy/policy/budget.js';
import { named } from '../../proxy/policy/job-name.js';
import type { JobPolicy } from '../../proxy/policy/policy.js';
import { parseRate } from '../../proxy/policy/rate.js';
import type { Config } from '../config/load.js';
import { ApiError } from './api-error.js';
import { id, jobBody } from './schemas.js';

/** The body of a request for a gateway. All that is wrong with it is told at once. */
export function gatewayBody(config: Config) {
  const network = z
    .looseObject(
      {
        Type: z
          .unknown()
          .optional()
          .meta({ type: 'string', description: 'HTTP, the only one; may be left out' }),
        Domains: z
          .unknown()
          .optional()
          .meta({ type: 'array', items: { type: 'string' } }),
      },
      { error: 'must be an object: {"Type": "HTTP", "Domains": […]}' },
    )
    .superRefine((value, context) =>
      judge(context, networkSpec('job', value), config, /^Tasks\[0\]\.Network\.?/),
    )
    .meta({
      title: 'NetworkRequest',
      description: "what the job may reach, as its job spec's Network says it",
    });
  const job = jobBody
    .superRefine((value, context) => judge(context, value, config))
    .meta({
      title: 'JobSpec',
      description: 'the whole job instead of its network, for nodes whose rules ask for more',
    });
  const rate = z
    .string({ error: 'must be text: 10mbit' })
    .superRefine((text, context) => {
      const parsed = parseRate(text);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem });
    })
    .meta({ description: "in each direction, as 5mbit; at most the node's own, which is the default" });
  const body = z.strictObject({
    jobId: id,
    executionId: id.optional(),
    network: network.optional(),
    job: job.optional(),
    rate: rate.optional(),
    budget: budgetText.optional().meta({
      description: "what the job may exchange in all, as down=10GB; of it and the node's the smaller holds",
    }),
    learn: z.boolean({ error: 'must be true or false' }).optional().meta({
      description:
        'let hosts through that are not declared, and list what is needed; the operator must allow it',
    }),
  });
  return body.meta({ title: 'GatewayRequest' });
}

/** As `down=10GB,host-up=1GB`. */
export const budgetText = z.string({ error: 'must be text: down=10GB' }).superRefine((text, context) => {
  const parsed = parseBudget(text);
  if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem });
});

/** Of a valid text. */
export function budgetOf(text: string): Budget | null {
  const parsed = parseBudget(text);
  return parsed.ok ? parsed.value : null;
}

type GatewayRequest = z.infer<ReturnType<typeof gatewayBody>>;

/**
 * What a request asks of the proxy, and the job that admission is to be asked about.
 *
 * @throws ApiError `invalid-request`; `not-accepted` for a rate above the node's.
 */
export function gatewayPolicy(
  request: GatewayRequest,
  config: Config,
): { readonly policy: JobPolicy; readonly job: Job & { readonly id: string } } {
  const { jobId, executionId, network } = request;
  const spec = network ? networkSpec(jobId, network) : request.job;
  if (spec === undefined || (network && request.job)) {
    throw ApiError.invalid([{ path: 'network', problem: 'give either network or job' }]);
  }
  const job = parseJobSpec(spec, { purpose: 'admission', allowPorts: config.operator.allowPorts });
  if (!job.ok) throw ApiError.invalid(job.problems);
  const budget = request.budget === undefined ? null : budgetOf(request.budget);
  const execution = executionId !== undefined && { execution: executionId };
  return {
    policy: {
      job: jobId,
      ...execution,
      ...named(job.value.name),
      allow: job.value.network.domains,
      rate: gatewayRate(request.rate, config),
      ...(budget && { budget }),
      ...(request.learn && { learn: true }),
    },
    job: { ...job.value, id: jobId, ...(executionId !== undefined && { executionId }) },
  };
}

/** The rate that a valid text asks for, else the node's. @throws ApiError `not-accepted` for one above that. */
export function gatewayRate(text: string | undefined, config: Config): number | null {
  const parsed = text === undefined ? undefined : parseRate(text);
  const rate = parsed?.ok ? parsed.value : config.rate;
  if (config.rate === null || (rate !== null && rate <= config.rate)) return rate;
  throw new ApiError(
    'not-accepted',
    `rate: this node gives a job at most ${config.rate} bit/s in each direction`,
  );
}

/** The spec of a job of which only this is known. */
export function networkSpec(jobId: string, network: object): object {
  return { ID: jobId, Tasks: [{ Name: 'main', Network: { Type: 'HTTP', ...network } }] };
}

/** Adds what is wrong with a job, at its path in the request. */
function judge(
  context: { addIssue(issue: { code: 'custom'; message: string; path: PathSegment[] }): void },
  spec: object,
  config: Config,
  prefix = /^/,
): void {
  const job = parseJobSpec(spec, { purpose: 'admission', allowPorts: config.operator.allowPorts });
  const fail = (message: string, path: PathSegment[] = []) =>
    context.addIssue({ code: 'custom', message, path });
  if (!job.ok) {
    for (const { path, problem } of job.problems) fail(problem, segments(path.replace(prefix, '')));
  } else if (job.value.network.type !== 'HTTP') {
    const { type } = job.value.network;
    fail(`a gateway is for HTTP networking, not for ${type}: start the container on that network yourself`);
  }
}

// `Domains[1]` → `['Domains', 1]`
function segments(path: string): PathSegment[] {
  return [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([text, index]) =>
    index === undefined ? text : Number(index),
  );
}
