import { z } from 'zod';
import { ID_PATTERN } from './job.js';
import { parseBytes, parseCpu } from './quantities.js';

/**
 * The job spec of the reference's 1.5 and later, as far as it has a meaning here: types, and what can be said of one
 * field alone. What is absent may be null too, as YAML and Go write it. Go's zero value of a text is the empty text.
 */

const text = z.string({ error: 'must be text; quote it if it looks like a number or a boolean' });
const texts = z.array(text, { error: 'must be a list of texts' });
/** Not looked into. */
const anything = z.unknown().optional();

function object<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.looseObject(shape, { error: 'must be a mapping of fields' });
}

const environment = z.record(z.string(), text, { error: 'must be a mapping of names to texts' });

const quantity = (parse: (value: string | number) => number | undefined, problem: string) =>
  z
    .union([z.string(), z.number()], { error: problem })
    .refine((value) => value === '' || parse(value) !== undefined, { error: problem })
    .nullish();

const seconds = z
  .number({ error: 'must be a number of seconds' })
  .min(0, { error: 'must be a number of seconds, 0 for none' })
  // Beyond the range of a timer, some 24 days, it would fire at once.
  .max(2_147_483, { error: 'must be at most 2147483 seconds' })
  .nullish();

const count = z
  .number({ error: 'must be a whole number' })
  .int({ error: 'must be a whole number' })
  .min(0, { error: 'must not be negative' })
  .nullish();

const bytes = quantity(parseBytes, 'must be a size, as 512Mb, 1Gb (1,000,000,000 bytes) or 1GiB');

const resources = object({
  CPU: quantity(parseCpu, 'must be a number of CPUs, as 0.5, 500m or 2'),
  Memory: bytes,
  Disk: bytes,
  GPU: z
    .union([z.string(), z.number()], { error: 'must be a whole number' })
    .refine((value) => /^\d*$/.test(String(value).trim()), { error: 'must be a whole number' })
    .nullish(),
});

const params = object({
  Image: text.nullish(),
  Entrypoint: texts.nullish(),
  Parameters: texts.nullish(),
  EnvironmentVariables: texts.nullish(),
  WorkingDirectory: text.nullish(),
});

const inputSource = object({
  Source: object({
    Type: text.min(1, { error: 'missing' }),
    Params: z.record(z.string(), z.unknown(), { error: 'must be a mapping of fields' }).nullish(),
  }),
  Target: text.min(1, { error: 'missing: the path in the container' }),
  Alias: anything,
});

/** Of a Network the whole is judged elsewhere; here are the names that its fields have. */
const network = object({ Type: anything, Domains: anything, Ports: anything });

const task = object({
  Name: text.nullish(),
  Engine: object({ Type: text, Params: params.nullish() }).nullish(),
  Env: environment.nullish(),
  Meta: anything,
  Network: network.nullish(),
  Resources: resources.nullish(),
  Timeouts: object({ ExecutionTimeout: seconds, QueueTimeout: seconds, TotalTimeout: seconds }).nullish(),
  InputSources: z.array(inputSource, { error: 'must be a list' }).nullish(),
  Publisher: anything,
  ResultPaths: anything,
});

const id = text.refine((value) => value === '' || ID_PATTERN.test(value), {
  error: 'must be 1 to 128 letters, digits, dots, underscores or hyphens',
});

export const jobSchema = object({
  Name: text.nullish(),
  Type: z
    .union([z.literal(''), z.enum(['batch', 'service', 'ops', 'daemon'])], {
      error: 'must be batch, service, ops or daemon',
    })
    .nullish(),
  Namespace: anything,
  Count: count,
  Priority: anything,
  Constraints: anything,
  Labels: anything,
  Meta: anything,
  Tasks: z.array(task, { error: 'must be a list with one task' }),
  // What a node adds.
  ID: id.nullish(),
  State: anything,
  Version: anything,
  Revision: anything,
  CreateTime: anything,
  ModifyTime: anything,
});

export type JobSpec = z.infer<typeof jobSchema>;
export type TaskSpec = z.infer<typeof task>;
