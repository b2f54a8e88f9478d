/**
 * A process with one vitest that runs what it is told, time and again: a start each costs more than most tests. What runs
 * tests is a process of its own each time, so that a mutant is there from the first import on.
 */
import { createVitest } from 'vitest/node';

export interface Order {
  /** Test files, in this order, each with the project that it is run in: `FILE@PROJECT`; in a slot for all the folders. */
  readonly files: readonly string[];
  /** What is turned on. Default: nothing. */
  readonly mutant?: string;
  /** What one test takes at most, ms. Default: as configured. */
  readonly testMs?: number;
}

export interface Ran {
  /** The first test that failed, with its file. */
  readonly failed?: string;
  /** What each took, ms, by `FILE@PROJECT`; of those that ran to their end. */
  readonly ms: Readonly<Record<string, number>>;
}

class AsTold {
  sort = <T>(files: T): T => files;
  shard = <T>(files: T): T => files;
}

const isAll = process.argv[2] === 'all';
const vitest = await createVitest('test', {
  config: 'test/mutation/vitest.config.ts',
  watch: false,
  reporters: [{}],
  isolate: false,
  retry: isAll ? 2 : 0,
  ...(!isAll && { bail: 1, fileParallelism: false, sequence: { sequencer: AsTold } }),
});
await vitest.standalone();
const nameOf = (file: string, project: string) => `${file}@${project}`;
const specify = (name: string) => {
  const at = name.lastIndexOf('@');
  return vitest.getProjectByName(name.slice(at + 1)).createSpecification(name.slice(0, at));
};

process.on('message', async ({ files, mutant, testMs }: Order) => {
  if (mutant === undefined) delete process.env.__STRYKER_ACTIVE_MUTANT__;
  else process.env.__STRYKER_ACTIVE_MUTANT__ = mutant;
  for (const { config } of testMs === undefined ? [] : vitest.projects)
    Object.assign(config, { testTimeout: testMs, hookTimeout: testMs });
  const specifications = isAll ? await vitest.globTestSpecifications([...files]) : files.map(specify);
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  const ms: Record<string, number> = {};
  const [unhandled] = unhandledErrors as { message?: string }[];
  let failed = unhandled && `unhandled: ${unhandled.message}`;
  const meant = new Set(specifications.map(({ moduleId, project }) => nameOf(moduleId, project.name)));
  // Those of runs before are told as well.
  for (const module of testModules) {
    const name = nameOf(module.moduleId, module.project.name);
    if (!meant.has(name)) continue;
    const { duration, collectDuration } = module.diagnostic();
    if (module.ok() && module.state() !== 'skipped') ms[name] = duration + collectDuration;
    else if (module.state() === 'failed') {
      const [test] = [...module.children.allTests('failed')];
      failed ??= `${module.relativeModuleId}: ${test?.fullName ?? module.errors()[0]?.message ?? 'not loaded'}`;
    }
  }
  process.send?.({ ms, ...(failed && { failed }) } satisfies Ran);
});
process.send?.('ready');
