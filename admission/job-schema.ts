import { z } from 'zod';
import { parseBytes } from '../proxy/policy/bytes.js';
import { ID_PATTERN } from './job.js';
import { parseCpu, parseGpu, type Quantity } from './quantities.js';

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

const quantity = (parse: (value: Quantity) => number | undefined, problem: string) =>
  z
    .union([z.string(), z.number(), z.bigint()], { error: problem })
    .refine((value) => value === '' || parse(value) !== undefined, { error: problem })
    .nullish();

/** 64 bits, as the reference has it. */
const integer = (error: string) =>
  z.union([z.number(), z.bigint()], { error }).refine((value) => value < 2 ** 63, { error });

const seconds = integer('must be a number of seconds')
  .refine((value) => value >= 0, { error: 'must be a number of seconds, 0 for none' })
  .nullish();

const count = integer('must be a whole number')
  .refine((value) => typeof value === 'bigint' || Number.isInteger(value), {
    error: 'must be a whole number',
  })
  .refine((value) => value >= 0, { error: 'must not be negative' })
  .nullish();

const bytes = quantity(parseBytes, 'must be a size, as 512Mb, 1Gb (1,000,000,000 bytes) or 1GiB');

const resources = object({
  CPU: quantity(parseCpu, 'must be a number of CPUs, as 0.5, 500m or 2'),
  Memory: bytes,
  Disk: bytes,
  GPU: quantity(parseGpu, 'must be a whole number'),
});

const dockerParams = object({
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

/** Of an engine that is not Docker's: nothing in them has a meaning here. */
const otherParams = z.record(z.string(), z.unknown(), { error: 'must be a mapping of fields' });

/** Of a Network the whole is judged elsewhere; here are the names that its fields have. */
const network = object({ Type: anything, Domains: anything, Ports: anything });

const taskOf = <Params extends z.ZodType>(params: Params) =>
  object({
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

const jobOf = <Params extends z.ZodType>(params: Params) =>
  object({
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
    Tasks: z.array(taskOf(params), { error: 'must be a list with one task' }),
    // What a node adds.
    ID: id.nullish(),
    State: anything,
    Version: anything,
    Revision: anything,
    CreateTime: anything,
    ModifyTime: anything,
  });

export const dockerJobSchema = jobOf(dockerParams);
/** The same where the engine is not Docker's. */
export const otherJobSchema = jobOf(otherParams);

export type JobSpec = z.infer<typeof dockerJobSchema>;
export type TaskSpec = JobSpec['Tasks'][number];
