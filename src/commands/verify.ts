import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { type Engine, openEngine } from '../../docker/engine/engine.js';
import { openOwner } from '../../docker/gateway/owner.js';
import { engineIsHere } from '../../docker/gateway/placement.js';
import { sweep } from '../../docker/gateway/sweep.js';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import { type Config, loadConfig } from '../config/load.js';
import { UsageError } from '../errors.js';
import { withoutRefusals } from '../job/without-refusals.js';
import { createLogger } from '../logging.js';
import { terminalJson } from '../terminal.js';
import { exitCodeOf, table } from '../verify/report.js';
import { verify } from '../verify/verify.js';
import { anyEngine } from '../verify/ways/engine.js';
import { ownGateways } from '../verify/ways/own-gateway.js';
import { servedGateways } from '../verify/ways/served.js';
import type { Way } from '../verify/ways/way.js';
import { clientAt } from './client-options.js';
import { addOptions, type CommonFlags, configOptions, egressOptions } from './common-options.js';
import { repeatable, settingOptions } from './setting-options.js';

interface VerifyFlags extends CommonFlags {
  readonly json?: true;
  readonly image?: string;
  readonly serve?: string;
  readonly dockerHost?: string;
  readonly network?: string;
  readonly neighbourNetwork?: string;
  readonly proxy?: string;
  readonly publicName: readonly string[];
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description(
      'Runs a hostile job on this node, which tries to get out from inside: the outside, this host, other jobs, names,\n' +
        'the proxy. Each try has a control that must succeed, or the line is unknown. Nothing is sent but to this node and\n' +
        'to addresses for documentation, which it has in a network namespace while it runs.\n' +
        'Exit code 0 where all held, 1 where something got through, 125 where it could not tell.',
    )
    .addHelpText(
      'after',
      `
Examples:
  jobgate verify
  jobgate verify --gateway container --json
  jobgate verify --serve unix:/run/jobgate/jobgate.sock
  jobgate verify --docker-host unix:///run/jobgate/docker.sock
  jobgate verify --docker-host unix:///var/run/docker.sock --network bridge`,
    );
  addOptions(
    command,
    new Option('--json', 'the report as JSON'),
    new Option('--serve <address>', 'through the API of a serve that runs, at unix:/PATH or HOST:PORT'),
    new Option(
      '--docker-host <url>',
      'in containers of this engine, whatever it is: the gate, or one without jobgate',
    ),
    new Option('--network <name>', 'of that engine, for the job'),
    new Option('--neighbour-network <name>', "for the other job; default: the job's"),
    new Option('--proxy <url>', 'that jobs on that network are told to use'),
    repeatable(
      '--public-name <name>',
      'of yours, which the job declares and really asks for: on port 80 it answers; one that rebinds is tried as such',
    ),
    new Option('--image <image>', 'of the jobs, with Node in it; default: that of jobgate'),
    ...egressOptions(),
    ...settingOptions('gatewayPlacement', 'gatewayPort', 'subnetPool', 'tokenFile'),
    ...configOptions(),
  );
  return command.action(async (flags: VerifyFlags) => {
    process.exitCode = await run(flags);
  });
}

async function run(flags: VerifyFlags): Promise<number> {
  const { image = defaultGatewayImage(), json } = flags;
  const config = await loadConfig({ flags, env: process.env, logLevel: 'warn' });
  check(flags);
  const { dockerHost } = flags;
  const engine = await openEngine(dockerHost === undefined ? process.env : { DOCKER_HOST: dockerHost });
  await using owner = await openOwner('run');
  const logger = createLogger(config.log);
  await using way = await wayOf(
    flags,
    config,
    engine,
    async () => {
      await sweep(engine.docker, { logger });
      return ownGateways(config, { engine, owner, logger: withoutRefusals(logger) });
    },
    owner,
  );
  const report = await verify(way, {
    image,
    engineIsHere: (await engineIsHere(engine.docker)) !== false,
    publicNames: flags.publicName,
    token: `jobgate-verify-${randomBytes(12).toString('hex')}`,
  });
  process.stdout.write(json ? `${terminalJson(report, 2)}\n` : table(report));
  return exitCodeOf(report);
}

async function wayOf(
  flags: VerifyFlags,
  config: Config,
  engine: Engine,
  own: () => Promise<Way>,
  owner: Awaited<ReturnType<typeof openOwner>>,
): Promise<Way> {
  const { serve, dockerHost, network, neighbourNetwork, proxy } = flags;
  if (serve !== undefined) return servedGateways(clientAt(serve, config), serve, config, { engine, owner });
  if (dockerHost === undefined) return own();
  return anyEngine(engine, {
    ...(network !== undefined && { network }),
    ...(neighbourNetwork !== undefined && { neighbourNetwork }),
    ...(proxy !== undefined && { proxy }),
    rate: config.rate,
    burst: config.operator.burst,
    jobHeader: config.operator.jobHeader,
  });
}

/** @throws UsageError for options that do not go together. */
function check({ serve, dockerHost, network, neighbourNetwork, proxy }: VerifyFlags): void {
  if (serve !== undefined && dockerHost !== undefined)
    throw new UsageError('--serve and --docker-host are two ways in: leave one of them out');
  const lost = Object.entries({ network, 'neighbour-network': neighbourNetwork, proxy }).find(
    ([, value]) => value,
  );
  if (lost && dockerHost === undefined)
    throw new UsageError(`--${lost[0]} is for --docker-host: the network of other jobs is jobgate's own`);
  if (proxy !== undefined && !/^http:\/\/[^/]+\/?$/.test(proxy))
    throw new UsageError(`--proxy ${proxy}: write http://HOST:PORT`);
}
