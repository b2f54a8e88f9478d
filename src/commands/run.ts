import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { createAdmission } from '../../admission/admission.js';
import { type Mount, StartGivenUp } from '../../docker/engine/container.js';
import { openEngine } from '../../docker/engine/engine.js';
import { PULL_POLICIES, type PullPolicy } from '../../docker/engine/image.js';
import { openOwner } from '../../docker/gateway/owner.js';
import { placedGateways } from '../../docker/gateway/placement.js';
import { sweep } from '../../docker/gateway/sweep.js';
import { loadConfig } from '../config/load.js';
import { tellNotes } from '../config/read/notes.js';
import { parseDuration } from '../duration.js';
import { UsageError } from '../errors.js';
import { EXIT, signalExit } from '../exit-codes.js';
import { admit } from '../job/admit.js';
import { DenialSummary } from '../job/denial-summary.js';
import { learnPolicy } from '../job/learn-policy.js';
import { RunAccount } from '../job/run-account.js';
import { type JobResult, runJob } from '../job/run-job.js';
import { withoutRefusals } from '../job/without-refusals.js';
import { leaveSoon } from '../leave-soon.js';
import { createLogger } from '../logging.js';
import { during } from '../progress.js';
import { sayWaiting, trapSignals } from '../signals.js';
import { tell } from '../terminal.js';
import {
  addOptions,
  admissionOptions,
  budgetOf,
  budgetOption,
  type CommonFlags,
  configOptions,
  egressOptions,
} from './common-options.js';
import { explain, type Mistakes, mistakes } from './docker-mistakes.js';
import { checkJobId, type EngineFlags, type JobFlags, jobFromFlags, jobOptions } from './job-options.js';
import { repeatable, settingOptions } from './setting-options.js';

interface RunFlags extends CommonFlags, JobFlags, EngineFlags, Mistakes {
  readonly name?: string;
  readonly volume: string[];
  readonly interactive?: true;
  readonly pull?: PullPolicy;
  readonly platform?: string;
  readonly timeout?: string;
  readonly learn?: true;
  readonly budget?: string;
  readonly account?: string;
}

export function runCommand(): Command {
  const command = new Command('run')
    .description(
      'Runs IMAGE as docker run does, on the network that the job asks for. With --domain (network http) the job\n' +
        'gets an isolated network and a proxy of its own: it reaches these domains over HTTP and HTTPS, at 10 Mbit/s\n' +
        'in each direction, and nothing else. A command line that names no network means none.',
    )
    .usage('[options] IMAGE [CMD...]\n       jobgate run [options] --job FILE')
    .argument('[image]', 'image to run')
    .argument('[cmd...]', 'command and arguments; all that follows IMAGE belongs to it')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Examples:
  jobgate run alpine:3.20 echo no network at all
  jobgate run --domain example.com alpine:3.20 wget -qO- http://example.com
  jobgate run --domain .example.org --domain example.com:8443 -v $PWD/out:/out --timeout 30m IMAGE CMD
  jobgate run --job fetch.yaml`,
    );
  addOptions(
    command,
    ...jobOptions(),
    repeatable('-e, --env <k=v>', 'environment of the job; K alone takes it from here'),
    new Option('-w, --workdir <dir>', 'working directory'),
    new Option('-u, --user <user>', 'user, as in docker run'),
    new Option('--entrypoint <path>', "instead of the image's"),
    repeatable('-v, --volume <src:dst[:ro]>', 'mount a directory, file or volume'),
    new Option('-i, --interactive', 'give stdin to the job'),
    new Option('--memory <size>', 'memory limit: 512m, 1g'),
    new Option('--cpus <n>', 'CPU limit: 0.5, 2'),
    new Option('--pull <policy>', 'when to pull the image').choices(PULL_POLICIES).default('missing'),
    new Option('--platform <platform>', 'linux/arm64 and so on, for engines that run several'),
    new Option('--timeout <time>', 'end the job after 90s, 30m, 1h30m; exit code 124'),
    new Option('--name <name>', 'as --job-id, and say where the gateway of the job listens'),
    ...mistakes(),
    new Option(
      '--learn',
      'let the job reach hosts that it does not name, and say at the end which domains it needs',
    ),
    budgetOption(),
    new Option(
      '--account <file>',
      'write there what the job did, once it has ended; FILE.sig as well with Account.KeyFile',
    ),
    ...egressOptions(),
    ...settingOptions('gatewayPlacement', 'gatewayPort', 'subnetPool'),
    ...admissionOptions(),
    ...configOptions('--verbose'),
  );
  return command.action(async (image: string | undefined, cmd: string[], flags: RunFlags) => {
    process.exitCode = await run(image, cmd, flags);
  });
}

async function run(image: string | undefined, cmd: string[], given: RunFlags): Promise<number> {
  explain(given);
  const flags = named(given);
  const timeoutMs = flags.timeout === undefined ? undefined : duration(flags.timeout);
  const mounts = flags.volume.map(mount);
  const budget = budgetOf(flags.budget);
  // stderr is the job's as well: what was refused comes at the end, and only trouble before that.
  const config = await loadConfig({ flags, env: process.env, logLevel: 'warn' });
  const logger = createLogger(config.log);
  tellNotes(config, logger);
  const job = await jobFromFlags(image, cmd, flags, {
    purpose: 'run',
    allowPorts: config.operator.allowPorts,
  });
  if (job.ignored.length > 0)
    logger.warn(`a run has no use for these fields of the job: ${job.ignored.join(', ')}`);

  const account = flags.account === undefined ? undefined : new RunAccount(flags.account, job, config);

  await using admission = createAdmission(config.admission, { logger });
  const admitted = await during('asking whether the job may run here', () => admit(job, admission));

  using signals = trapSignals();
  sayWaiting(signals, 'the job has 10 s to end');
  const engine = await during('waiting for the engine', () => openEngine());
  await using owner = await openOwner('run');
  await during('removing what others have left', () => sweep(engine.docker, { logger }));
  const placed = placedGateways({
    ...config.gateway,
    onPlaced: (placement, why) => logger.info(`gateway placement: ${placement} (${why})`),
  });
  const open = account ? account.watching(placed) : placed;
  account?.begin(engine.version);
  let result: JobResult | undefined;
  const atTheEnd = config.log.format === 'pretty' && !logger.isLevelEnabled('info');
  const refused = new DenialSummary();
  try {
    result = await runJob(admitted, {
      engine,
      owner,
      operator: flags.learn ? learnPolicy(config, admission) : config.operator,
      rate: config.rate,
      budget,
      ...(flags.learn && { learn: true }),
      openGateway: async (options) => {
        const gateway = await open(atTheEnd ? { ...options, logger: withoutRefusals(logger) } : options);
        if (flags.name !== undefined && logger.isLevelEnabled('warn'))
          tell(
            `jobgate: ${job.id} has its proxy at ${gateway.proxy.url}, on network ${gateway.network.name}\n`,
          );
        return gateway;
      },
      onEvent: (event) => {
        refused.add(event);
        account?.onEvent(event);
      },
      runtimeVariables: config.gateway.runtimeVariables,
      stdio: {
        ...(flags.interactive && { stdin: process.stdin }),
        stdout: process.stdout,
        stderr: process.stderr,
      },
      logger,
      during,
      mounts,
      ...(flags.pull && { pull: flags.pull }),
      ...(flags.platform && { platform: flags.platform }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      stop: signals.stop,
      kill: signals.kill,
    });
    if (!flags.quiet && config.log.level !== 'silent') tellDenials(job.id, result);
    if (result.learned) {
      const { text, domains } = result.learned;
      tell(text, process.stderr, { event: 'learned', msg: 'what the job needs', job: job.id, domains });
    }
    if (result.ended === 'timeout') logger.warn('the job ran into its time limit and was ended');
    if (result.ended === 'exited') return result.exitCode ?? EXIT.failed;
    return leaveSoon(result.ended === 'timeout' ? EXIT.timeout : signalExit(signals.received ?? 'SIGTERM'));
  } catch (error) {
    // There is no result, and nothing has told it yet.
    if (atTheEnd && logger.isLevelEnabled('warn')) tell(refused.text());
    if (signals.received && signals.stop.aborted && error === signals.stop.reason)
      return leaveSoon(signalExit(signals.received));
    // The engine still has our question, and this process would wait for its answer.
    if (error instanceof StartGivenUp) leaveSoon(EXIT.failed);
    throw error;
  } finally {
    await account?.write(result);
    // A terminal that is still read would keep the process.
    process.stdin.destroy();
  }
}

/** Whatever the level of the log is: its author learns here what to change. */
function tellDenials(job: string, { denialText, denials }: JobResult): void {
  tell(denialText, process.stderr, {
    level: 'warn',
    event: 'denials',
    msg: 'what was refused',
    job,
    denials,
  });
}

/** As docker run, which names the container. */
function named(flags: RunFlags): RunFlags {
  const { name, jobId } = flags;
  if (name === undefined) return flags;
  if (jobId !== undefined && jobId !== name)
    throw new UsageError('--name and --job-id are the same: leave one of them out');
  checkJobId(name, '--name');
  return { ...flags, jobId: name };
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new UsageError(`--timeout ${text}: not a duration: write 90s, 30m or 1h30m`);
  return ms;
}

// As docker run: a path with a slash or a leading dot is bind-mounted, a plain word is a volume.
function mount(text: string): Mount {
  const [source = '', target = '', mode, ...rest] = text.split(':');
  const wrong = (problem: string) =>
    new UsageError(`--volume ${text}: ${problem}: write SRC:DST or SRC:DST:ro`);
  if (!source || !target || rest.length > 0) throw wrong('not a mount');
  if (mode !== undefined && mode !== 'ro' && mode !== 'rw') throw wrong(`unknown mode ${mode}`);
  if (!target.startsWith('/')) throw wrong('the path in the container must be absolute');
  const path = source.includes('/') || source.startsWith('.');
  if (path && !statSync(source, { throwIfNoEntry: false })) throw wrong(`${source} does not exist`);
  return { source: path ? resolve(source) : source, target, readOnly: mode === 'ro' };
}
