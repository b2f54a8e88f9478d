import { Command, Option } from 'commander';
import { type Admission, createAdmission } from '../../admission/admission.js';
import { verdictOf } from '../../admission/chain.js';
import type { Job } from '../../admission/job.js';
import type { Verdict } from '../../admission/rule.js';
import { loadConfig } from '../config/load.js';
import { UsageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { createLogger } from '../logging.js';
import { terminalJson } from '../terminal.js';
import { addOptions, admissionOptions, type CommonFlags, configOptions } from './common-options.js';
import { type JobFlags, jobFromFlags, jobOptions } from './job-options.js';

interface CheckFlags extends JobFlags, CommonFlags {
  readonly explain?: true;
}

export function checkCommand(): Command {
  const command = new Command('check').description(
    'Asks the admission rules of this node about a job and prints {"shouldBid": …, "reason": …}. Nothing is created.\n' +
      'Exit code 0 if the job may run here, 77 if not.',
  );
  addOptions(
    command,
    ...jobOptions(),
    new Option('--explain', 'every rule in order with its answer'),
    ...admissionOptions(),
    ...configOptions(),
  );
  return command.action(async (flags: CheckFlags) => {
    process.exitCode = await check(flags);
  });
}

async function check(flags: CheckFlags): Promise<number> {
  const config = await loadConfig({ flags, env: process.env });
  await using admission = createAdmission(config.admission, { logger: createLogger(config.log) });
  let job: Awaited<ReturnType<typeof jobFromFlags>>;
  try {
    job = await jobFromFlags(undefined, [], flags, {
      purpose: 'admission',
      allowPorts: config.operator.allowPorts,
    });
  } catch (error) {
    // An invalid spec and a refusal are the same answer to the node that asks.
    if (!(error instanceof UsageError)) throw error;
    print({ shouldBid: false, reason: error.message });
    return EXIT.refused;
  }
  const verdict = flags.explain ? await explained(job, admission) : await admission.decide(job);
  print(verdict);
  return verdict.shouldBid ? EXIT.ok : EXIT.refused;
}

// Each rule once: probes are not asked again for the verdict.
async function explained(job: Job, admission: Admission): Promise<Verdict> {
  const answers = await admission.explain(job);
  for (const answer of answers) print(answer);
  return verdictOf(answers);
}

function print(value: unknown): void {
  process.stdout.write(`${terminalJson(value)}\n`);
}
