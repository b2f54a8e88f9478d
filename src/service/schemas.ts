import { z } from 'zod';
import { ID_PATTERN } from '../../admission/job.js';
import { API_ERRORS, type ApiErrorCode } from './api-error.js';
import { flag, limit, moment, words } from './query.js';

export const id = z
  .string({ error: 'must be text' })
  .regex(ID_PATTERN, { error: 'has 1 to 128 letters, digits, dots, underscores and hyphens' });

/** A job spec in any shape of the reference; judged by its own parser, which names all problems. */
export const jobBody = z
  .record(z.string(), z.unknown(), { error: 'must be a JSON object: a job, or {"Job": a job}' })
  .meta({
    title: 'JobSpec',
    description: 'a job spec as Bacalhau\'s (1.5 and later, or before 1.4), bare or as {"Job": …}',
  });

export const idParams = z.object({
  id: z.string().meta({ description: 'as the list has it' }),
});

export const drainQuery = z.object({
  drain: z.string().optional().meta({ description: 'time for open connections to finish, as 10s' }),
});

export const GATEWAY_STATES = ['open', 'draining', 'failed', 'closed'] as const;
export const JOB_STATES = ['starting', 'running', 'stopping', 'ended', 'failed'] as const;
export const EVENT_TYPES = ['decision', 'closed', 'gateway', 'job', 'admission'] as const;

const ofJob = z.string().optional().meta({ description: 'of the job with this id' });
const newest = limit('at most so many: the newest');

export const gatewaysQuery = z.object({
  state: words(GATEWAY_STATES, 'in one of these states; all but closed where absent'),
  job: ofJob,
  limit: newest,
});

export const jobsQuery = z.object({
  state: words(JOB_STATES, 'in one of these states; all where absent'),
  job: ofJob,
  limit: newest,
});

export const eventsQuery = z.object({
  gateway: z.string().optional().meta({ description: 'of this gateway' }),
  job: ofJob,
  types: words(EVENT_TYPES, 'of these types; all where absent'),
  since: moment('first those since then that are remembered'),
  follow: flag('false: ends after those that are remembered'),
  figures: flag('figures of all gateways once a second as well'),
});

export const logsQuery = z.object({
  follow: flag('until the job ends'),
  stream: z
    .enum(['stdout', 'stderr'], { error: 'must be stdout or stderr' })
    .optional()
    .meta({ description: 'both where absent' }),
});

export const verdict = z.object({ shouldBid: z.boolean(), reason: z.string() }).meta({ title: 'Verdict' });

const error = z.object({
  error: z.enum(Object.keys(API_ERRORS) as [ApiErrorCode, ...ApiErrorCode[]]),
  message: z.string(),
  problems: z
    .array(z.object({ path: z.string(), problem: z.string() }).meta({ title: 'Problem' }))
    .optional(),
});
export const apiError = error.meta({ title: 'Error' });

/** An error where a node asks whether a job may run. */
export const refusal = error.extend(verdict.shape).meta({ title: 'Refusal' });

const calledBy = z.string().meta({
  description: "what people call it, a line of 128 characters at most: its job's name, else its id",
});

const moment8601 = z.iso.datetime();

const figures = z
  .object({
    up: z.number().meta({ description: 'bytes from the job' }),
    down: z.number().meta({ description: 'bytes to the job' }),
    now: z.object({ up: z.number(), down: z.number() }).meta({ description: 'bit/s, in the last seconds' }),
    connections: z.number(),
    tunnels: z.number(),
    requests: z.number(),
    allowed: z.number(),
    denied: z.number(),
    throttledMs: z.object({ up: z.number(), down: z.number() }),
    hosts: z.array(
      z
        .looseObject({
          host: z.string(),
          port: z.number(),
          allowed: z.number(),
          denied: z.record(z.string(), z.number()),
          registrable: z.string().meta({ description: 'the registrable domain; an address as it is' }),
          up: z.number().optional().meta({ description: 'bytes of what has ended, where they are known' }),
          down: z.number().optional(),
        })
        .meta({ title: 'HostFigures' }),
    ),
  })
  .meta({ title: 'Figures' });

export const gateway = z
  .object({
    id: z.string(),
    jobId: z.string(),
    executionId: z.string().optional(),
    name: calledBy,
    state: z.enum(GATEWAY_STATES),
    reason: z.string().optional().meta({ description: 'why it failed or was closed' }),
    created: moment8601,
    ended: moment8601.optional(),
    reopened: z.boolean().meta({ description: 'opened again after the serve that made it had gone' }),
    abandonedSince: moment8601
      .optional()
      .meta({ description: 'the Bacalhau node whose job it is has not followed it since then' }),
    ofJob: z.boolean().meta({ description: 'of a job of /v1/jobs, and closed with it' }),
    revision: z.string().meta({ description: 'names the policy as it is now; in quotes, it is the ETag' }),
    domains: z.array(z.string()),
    denied: z.array(z.string()).meta({ description: 'refused, although a wider entry of domains has it' }),
    expires: moment8601.optional().meta({ description: 'when the gateway closes' }),
    expiries: z
      .array(z.object({ domain: z.string(), expires: moment8601 }).meta({ title: 'Expiry' }))
      .meta({ description: 'entries of domains that are none any more from then on' }),
    learned: z
      .array(z.string())
      .optional()
      .meta({ description: 'of a gateway that learns: the domains that its job needs by now' }),
    rate: z.number().nullable().meta({ description: 'bit/s in each direction; null is unlimited' }),
    budget: z.string().meta({
      description: "what the job may exchange: of its own and the node's the smaller; unlimited is no bound",
    }),
    spent: z
      .object({
        up: z.number(),
        down: z.number(),
        hosts: z.array(
          z.object({ host: z.string(), up: z.number(), down: z.number() }).meta({ title: 'SpentOnHost' }),
        ),
      })
      .meta({ description: 'bytes granted of it so far, where it is bounded' }),
    network: z
      .object({ name: z.string(), id: z.string(), subnet: z.string() })
      .meta({ description: "the engine's, which the container is connected to" }),
    proxy: z.object({ url: z.string() }),
    env: z.record(z.string(), z.string()).meta({ description: 'variables that the container must have' }),
    dns: z.array(z.string()),
    create: z
      .looseObject({ HostConfig: z.looseObject({}) })
      .meta({ description: "to be merged into the body of the engine's POST /containers/create" }),
    docker: z.array(z.string()).meta({ description: 'the same, and env, as options of docker run' }),
    containers: z.array(
      z
        .object({
          id: z.string(),
          name: z.string(),
          address: z.string(),
          enforced: z.boolean(),
          breaches: z.array(z.string()),
        })
        .meta({ title: 'AttachedContainer' }),
    ),
    figures,
  })
  .meta({ title: 'Gateway' });

export const changedGateway = gateway
  .extend({
    cut: z.number().meta({ description: "the job's connections that were cut" }),
    kept: z.boolean().meta({
      description:
        'false: it holds until this serve ends, which has no folder to keep it in; what is kept lets no more through',
    }),
  })
  .meta({ title: 'ChangedGateway' });

export const ifMatch = z.object({
  'If-Match': z
    .string()
    .meta({ description: 'ETag of the gateway that the change is meant for, or *: whatever it is by now' }),
});

export const gatewayList = z.object({ gateways: z.array(gateway) }).meta({ title: 'GatewayList' });

export const jobView = z
  .object({
    id: z.string(),
    executionId: z.string().optional(),
    name: calledBy,
    state: z.enum(JOB_STATES),
    created: moment8601,
    ended: moment8601.optional(),
    image: z.string(),
    network: z
      .object({ Type: z.string(), Domains: z.array(z.string()) })
      .meta({ title: 'NetworkSpec', description: "as the job spec's Network says it" }),
    ignored: z.array(z.string()).meta({ description: 'fields of the spec that a run has no use for' }),
    reason: z.string().optional().meta({ description: 'why it failed' }),
    result: z
      .object({
        how: z.enum(['exited', 'timeout', 'stopped']),
        exitCode: z.number().nullable(),
        denials: z.array(
          z
            .object({
              host: z.string(),
              port: z.number(),
              reason: z.string(),
              count: z.number(),
              remedy: z.string(),
            })
            .meta({ title: 'Denial' }),
        ),
      })
      .meta({ title: 'JobResult' })
      .optional(),
  })
  .meta({ title: 'Job' });

export const jobList = z.object({ jobs: z.array(jobView) }).meta({ title: 'JobList' });

export const abandonedList = z
  .object({
    abandoned: z.array(
      z
        .object({
          node: z.string(),
          job: z.string(),
          execution: z.string(),
          container: z.string(),
          since: moment8601,
        })
        .meta({ title: 'AbandonedContainer' }),
    ),
  })
  .meta({ title: 'AbandonedContainers' });

export const health = z.object({ status: z.literal('ok') }).meta({ title: 'Health' });
export const readiness = z
  .object({ ready: z.boolean(), reason: z.string().optional() })
  .meta({ title: 'Readiness' });
