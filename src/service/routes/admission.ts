import { parseJobSpec } from '../../../admission/job-spec.js';
import { MAX_SPEC_BYTES } from '../../../admission/spec-limits.js';
import { ApiError } from '../api-error.js';
import { verdictBody } from '../probe-answer.js';
import { type Route, route } from '../route.js';
import { jobBody, refusal, verdict } from '../schemas.js';
import type { Service } from '../service.js';

export function admissionRoutes(service: Service): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/admission',
      operationId: 'askAdmission',
      tag: 'admission',
      summary: "Whether a job may run here: a Bacalhau node's ProbeHTTP",
      access: 'probe',
      body: jobBody,
      bodyLimit: MAX_SPEC_BYTES,
      answers: {
        200: { description: 'the verdict', schema: verdict },
        400: {
          description: 'the job is not valid: a refusal, with the first things that are wrong',
          schema: refusal,
        },
      },
      handle: async ({ body }) => {
        const { allowPorts } = service.config.operator;
        const job = parseJobSpec(body, { purpose: 'admission', allowPorts });
        if (!job.ok) throw ApiError.invalid(job.problems);
        return verdictBody(await service.decide(job.value));
      },
    }),
  ];
}
