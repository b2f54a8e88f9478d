import { z } from 'zod';

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC' });
const bytes = z.int().min(0);
const count = z.int().min(0);
const both = z.strictObject({ up: bytes, down: bytes });

const policy = z.strictObject({
  domains: z.array(z.string()),
  denied: z.array(z.string()),
  rate: z.number().nullable().meta({ description: 'bit/s in each direction; null is unlimited' }),
  budget: z.string().meta({ description: "the job's own, and the node's where that is smaller" }),
});

/** The account of a job, as it is written. */
export const accountSchema = z
  .strictObject({
    v: z.literal(1),
    job: z.string(),
    execution: z.string().exactOptional(),
    gateway: z.string().exactOptional().meta({ description: 'absent for a job that had no network' }),
    opened: z
      .strictObject({
        by: z.enum(['run', 'job', 'api', 'gate', 'reopened']).meta({
          description: 'reopened: by the serve that took it over, which does not know who opened it',
        }),
        user: z.string().exactOptional().meta({ description: 'who ran jobgate run' }),
        uid: z.int().exactOptional(),
        address: z.string().exactOptional().meta({ description: 'of the caller; absent on a unix socket' }),
        token: z.boolean().exactOptional().meta({ description: 'whether the caller showed one' }),
      })
      .meta({ description: 'who opened it' }),
    versions: z.strictObject({ jobgate: z.string(), engine: z.string().nullable() }),
    began: time,
    counted: time.meta({
      description: 'since when things are counted: later than its beginning where another serve took it over',
    }),
    ended: time.nullable().meta({ description: 'null: it goes on' }),
    reason: z.string().exactOptional().meta({ description: 'why it ended' }),
    exitCode: z.int().nullable().meta({ description: "the job's; null where it is not known" }),
    containers: z
      .array(z.strictObject({ id: z.string(), name: z.string(), exitCode: z.int().nullable() }))
      .meta({ description: 'that were on its network, 100 at most' }),
    policy: policy.meta({ description: 'as it was at the beginning, or when it was taken over' }),
    changes: z
      .array(
        z.strictObject({
          time,
          by: z.string(),
          cut: count,
          policy: z.looseObject({}).meta({ description: 'what is new, as in the event policy-changed' }),
        }),
      )
      .meta({ description: '1,000 at most' }),
    changesLeftOut: count,
    spent: both.meta({ description: 'granted of its budget, where it has one' }),
    total: z.strictObject({
      up: bytes.meta({ description: 'from the job, everything included' }),
      down: bytes,
      allowed: count,
      denied: count,
      throttledMs: z.strictObject({ up: z.number(), down: z.number() }),
    }),
    hosts: z
      .array(
        z.strictObject({
          host: z.string(),
          port: z.int(),
          first: time,
          last: time,
          up: bytes,
          down: bytes,
          connections: count.meta({ description: 'tunnels and requests that have ended' }),
          allowed: count,
          denied: z.record(z.string(), count).meta({ description: 'refusals by reason' }),
        }),
      )
      .meta({ description: '500 at most, and one for all others; bytes of what is open are in total alone' }),
  })
  .meta({ title: 'Account', description: 'what a job was let do, and did' });

export type Account = z.infer<typeof accountSchema>;
export type AccountPolicy = z.infer<typeof policy>;
export type OpenedBy = Account['opened'];

/** The bytes of an account: these are signed. */
export const accountText = (account: Account) => `${JSON.stringify(account, null, 2)}\n`;

/** As JSON Schema, for docs/account.schema.json. */
export const accountJsonSchema = () => z.toJSONSchema(accountSchema);
