import { randomBytes } from 'node:crypto';
import { parseJobSpec } from '../../../admission/job-spec.js';
import { ApiError } from '../api-error.js';
import { Follower } from '../follower.js';
import { type Route, route } from '../route.js';
import { idParams, jobBody, jobList, jobsQuery, jobView, logsQuery } from '../schemas.js';
import type { Service } from '../service.js';

export function jobRoutes(service: Service): Route[] {
  const { jobs } = service;
  return [
    route({
      method: 'POST',
      path: '/v1/jobs',
      operationId: 'startJob',
      tag: 'jobs',
      summary: 'Runs a job as jobgate run does; its ID, asked again, gives the same job',
      access: 'node',
      body: jobBody,
      answers: {
        200: { description: 'it was here already', schema: jobView },
        202: { description: 'it is starting', schema: jobView },
      },
      handle: async ({ body }, reply) => {
        const { allowPorts } = service.config.operator;
        const job = parseJobSpec(body, { purpose: 'run', allowPorts });
        if (!job.ok) throw ApiError.invalid(job.problems);
        const id = job.value.id ?? `job-${randomBytes(6).toString('hex')}`;
        const { served, created } = await jobs.start({ ...job.value, id });
        reply.code(created ? 202 : 200);
        return served.view();
      },
    }),
    route({
      method: 'GET',
      path: '/v1/jobs',
      operationId: 'listJobs',
      tag: 'jobs',
      summary: 'The jobs that run, and the last that ended',
      access: 'node',
      query: jobsQuery,
      answers: { 200: { description: 'the jobs', schema: jobList } },
      handle: async ({ query: { state, job, limit = Number.POSITIVE_INFINITY } }) => ({
        jobs: jobs
          .list()
          .filter((one) => (state?.has(one.state) ?? true) && (job === undefined || one.ids.job === job))
          .slice(-limit)
          .map((one) => one.view()),
      }),
    }),
    route({
      method: 'GET',
      path: '/v1/jobs/{id}',
      operationId: 'getJob',
      tag: 'jobs',
      summary: 'State of a job, and its result once it has ended',
      access: 'node',
      params: idParams,
      answers: { 200: { description: 'the job', schema: jobView } },
      handle: async ({ params }) => jobs.get(params.id).view(),
    }),
    route({
      method: 'GET',
      path: '/v1/jobs/{id}/logs',
      operationId: 'getJobOutput',
      tag: 'jobs',
      summary: "A job's output, the last 1 MiB of it and what follows",
      access: 'node',
      params: idParams,
      query: logsQuery,
      answers: { 200: { description: 'the output as it is', content: 'application/octet-stream' } },
      handle: async ({ params, query }, reply) => {
        const { log } = jobs.get(params.id);
        const only = query.stream;
        reply.type('application/octet-stream');
        if (!query.follow) return log.text(only);
        reply.hijack();
        const { raw } = reply;
        raw.writeHead(200, reply.getHeaders() as Record<string, string>);
        raw.flushHeaders();
        let unfollow = () => {};
        const follower = new Follower(raw, () => unfollow());
        follower.write(log.text(only));
        unfollow = log.follow(
          only,
          (data) => follower.write(data),
          () => follower.end(),
        );
        return undefined;
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/jobs/{id}',
      operationId: 'stopJob',
      tag: 'jobs',
      summary:
        'Stops a job that runs (SIGTERM, then SIGKILL) and answers its end; forgets one that has ended',
      access: 'node',
      params: idParams,
      answers: { 200: { description: 'it has ended', schema: jobView } },
      handle: async ({ params }) => (await jobs.remove(params.id)).view(),
    }),
  ];
}
