import { z } from 'zod';

const time = z.iso.datetime();
const count = z.int().min(0);
const rate = z.number().meta({ description: 'bit/s' });

export const history = z
  .object({
    step: z.int().meta({ description: 'ms' }),
    from: time.meta({ description: 'when the first step began' }),
    up: z.array(rate),
    down: z.array(rate),
    allowed: z.array(count).meta({ description: 'decisions in each step' }),
    denied: z.array(count),
  })
  .meta({
    title: 'History',
    description: 'the steps of the last hour that are over; one that was idle is 0',
  });

const verdicts = z
  .object({
    accepted: count,
    refused: count,
    last: z
      .array(
        z
          .object({ time, job: z.string().optional(), accepted: z.boolean(), reason: z.string() })
          .meta({ title: 'GivenVerdict' }),
      )
      .meta({ description: 'the newest first, 20 at most' }),
  })
  .meta({ title: 'GivenVerdicts', description: 'since serve was started' });

const refusedDomain = z
  .object({
    domain: z
      .string()
      .meta({ description: 'the registrable domain of the hosts; an address, or another name, as it is' }),
    hosts: count.meta({ description: 'of it, at the gateway that refused most of them' }),
    gateways: count.meta({ description: 'how many refused it' }),
    count,
    reasons: z.record(z.string(), count),
  })
  .meta({ title: 'RefusedDomain' });

export const overview = z
  .object({
    version: z.string(),
    time,
    since: time.meta({ description: 'when this serve was started' }),
    rate: z.object({ up: rate, down: rate }).meta({ description: 'of all gateways, in the last seconds' }),
    gateways: z.object({
      open: count,
      draining: count,
      failed: count,
      ended: count.meta({ description: 'that are remembered' }),
    }),
    jobs: z.object({ running: count, ended: count, failed: count }).meta({ description: 'of /v1/jobs' }),
    containers: z
      .object({ enforced: count, unenforced: count })
      .meta({ description: "on networks of gateways: those that keep serve's contract, and others" }),
    admission: verdicts,
    refused: z.object({
      total: count.meta({ description: 'since serve was started' }),
      top: z.array(refusedDomain).meta({
        description:
          'of gateways that are open or remembered, the most first, 20 at most; 5 that are mostly of one gateway',
      }),
    }),
    workers: z
      .object({
        deaths: count.meta({ description: 'that ended without being told to' }),
        list: z.array(
          z
            .object({
              pid: count,
              gateways: count,
              memory: count.optional().meta({ description: 'resident, bytes' }),
            })
            .meta({ title: 'Worker' }),
        ),
      })
      .nullable()
      .meta({ description: 'processes that the proxies of gateways on this host are in' }),
    lockdown: z.object({
      state: z
        .enum(['intact', 'broken', 'none'])
        .meta({ description: 'none: no gateway is on this host, or was since serve was started' }),
      checked: time.optional(),
      reason: z.string().optional(),
    }),
    engine: z.object({ ready: z.boolean(), version: z.string().optional(), reason: z.string().optional() }),
    gate: z.object({ listening: z.boolean() }).nullable().meta({ description: 'null where there is none' }),
    history,
  })
  .meta({ title: 'Overview' });
