import { createHash } from 'node:crypto';
import { Command, Option } from 'commander';
import { type Admission, createAdmission } from '../../admission/admission.js';
import { verdictOf } from '../../admission/chain.js';
import type { Job } from '../../admission/job.js';
import { spokenReason } from '../../admission/probe.js';
import type { Verdict } from '../../admission/rule.js';
import { loadConfig } from '../config/load.js';
import { tellNotes } from '../config/read/notes.js';
import { UsageError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { createLogger } from '../logging.js';
import { during } from '../progress.js';
import { tell, tellAs, terminalJson } from '../terminal.js';
import { addOptions, admissionOptions, type CommonFlags, configOptions } from './common-options.js';
import { type JobFlags, jobFromFlags, jobOptions } from './job-options.js';

interface CheckFlags extends JobFlags, CommonFlags {
  readonly explain?: true;
}

export function checkCommand(): Command {
  const command = new Command('check').description(
    'Asks the admission rules of this node about a job and prints {"shouldBid": …, "reason": …}. Nothing is created.\n' +
      'Exit code 0 if the job may run here, 77 if not. As the ProbeExec of a Bacalhau node it needs no option but --config:\n' +
      'it takes the job from the node, and says the reason on stderr too, where the node looks.',
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

/** Where a node puts the job when it runs a ProbeExec. */
const PROBE_DATA = 'BACALHAU_JOB_SELECTION_PROBE_DATA';
/** Which commands are being asked already: a check that is one asks none of them again. */
const ASKED = 'JOBGATE_PROBE';

async function check(flags: CheckFlags): Promise<number> {
  const { [PROBE_DATA]: probeData, ...env } = process.env;
  const isProbe = probeData !== undefined;
  // All of stderr becomes the reason.
  const config = await loadConfig({ flags, env, ...(isProbe && { logLevel: 'error' }) });
  const logger = createLogger(config.log);
  if (isProbe) tellAs('pretty');
  tellNotes(config, logger);
  const { probeExec, ...rest } = config.admission;
  const asked = (env[ASKED] ?? '').split(',').filter((one) => one !== '');
  const id = createHash('sha256')
    .update(probeExec ?? '')
    .digest('hex')
    .slice(0, 16);
  await using admission = createAdmission(isProbe && asked.includes(id) ? rest : config.admission, {
    logger,
    operator: config.operator,
    ...(isProbe && { probeVariables: { [ASKED]: [...asked, id].join(',') } }),
  });
  const verdict = await during('asking whether the job may run here', () =>
    judge(flags, admission, config.operator.allowPorts, probeData),
  );
  print(verdict);
  if (isProbe) tell(`${spokenReason(verdict.reason)}\n`);
  return verdict.shouldBid ? EXIT.ok : EXIT.refused;
}

async function judge(
  flags: CheckFlags,
  admission: Admission,
  allowPorts: readonly number[],
  probeData: string | undefined,
): Promise<Verdict> {
  let job: Job;
  try {
    job = await jobFromFlags(undefined, [], flags, { purpose: 'admission', allowPorts }, probeData);
  } catch (error) {
    // An invalid spec and a refusal are the same answer to the node that asks.
    if (!(error instanceof UsageError)) throw error;
    return { shouldBid: false, reason: error.message.replaceAll('\n', '; ') };
  }
  return flags.explain ? explained(job, admission) : admission.decide(job, RUN_BY);
}

// Who asks runs it.
const RUN_BY = { runBy: 'bacalhau' } as const;

// Each rule once: probes are not asked again for the verdict.
async function explained(job: Job, admission: Admission): Promise<Verdict> {
  const answers = await admission.explain(job, RUN_BY);
  for (const answer of answers) print(answer);
  return verdictOf(answers);
}

function print(value: unknown): void {
  process.stdout.write(`${terminalJson(value)}\n`);
}
