import { parseJobSpec } from '../../../admission/job-spec.js';
import { ApiError, errorBody } from '../api-error.js';
import { type Route, route } from '../route.js';
import { apiError, jobBody, verdict } from '../schemas.js';
import type { Service } from '../service.js';

export function admissionRoutes(service: Service): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/admission',
      summary: "Whether a job may run here: a Bacalhau node's ProbeHTTP",
      access: 'probe',
      body: jobBody,
      answers: {
        200: { description: 'the verdict', schema: verdict },
        400: {
          description:
            'the job is not valid: a refusal, with everything that is wrong; no verdict on what is no JSON',
          schema: apiError.extend(verdict.partial().shape),
        },
      },
      handle: async ({ body }, reply) => {
        const { allowPorts } = service.config.operator;
        const job = parseJobSpec(body, { purpose: 'admission', allowPorts });
        if (!job.ok) {
          const error = ApiError.invalid(job.problems);
          reply.code(error.status);
          // The node that asks may read no more than this.
          return { ...errorBody(error), shouldBid: false, reason: error.message };
        }
        return service.decide(job.value);
      },
    }),
  ];
}
