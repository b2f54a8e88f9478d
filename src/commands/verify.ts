import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { type Engine, openEngine } from '../../docker/engine/engine.js';
import { type Owner, openOwner } from '../../docker/gateway/owner.js';
import { engineIsHere } from '../../docker/gateway/placement.js';
import { sweep } from '../../docker/gateway/sweep.js';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import { type Config, loadConfig } from '../config/load.js';
import { UsageError } from '../errors.js';
import { signalExit } from '../exit-codes.js';
import { withoutRefusals } from '../job/without-refusals.js';
import { createLogger } from '../logging.js';
import { trapSignals } from '../signals.js';
import { terminalJson } from '../terminal.js';
import { exitCodeOf, table } from '../verify/report.js';
import { verify } from '../verify/verify.js';
import { anyEngine } from '../verify/ways/engine.js';
import { insideBy } from '../verify/ways/inside.js';
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
  readonly inside?: string;
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
  jobgate verify --docker-host unix:///var/run/docker.sock --network bridge
  jobgate verify --inside 'podman exec -i CONTAINER'`,
    );
  addOptions(
    command,
    new Option('--json', 'the report as JSON'),
    new Option('--serve <address>', 'through the API of a serve that runs, at unix:/PATH or HOST:PORT'),
    new Option(
      '--docker-host <url>',
      'in containers of this engine, whatever it is: the gate, or one without jobgate',
    ),
    new Option(
      '--inside <command>',
      'in a container that runs, of any product: the command by which `node -` behind it is run there',
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
  checkWays(flags);
  const config = await loadConfig({ flags, env: process.env, logLevel: 'warn' });
  const logger = createLogger(config.log);
  using signals = trapSignals();
  const { dockerHost, inside } = flags;
  const engine =
    inside === undefined
      ? await openEngine({ ...process.env, ...(dockerHost !== undefined && { DOCKER_HOST: dockerHost }) })
      : undefined;
  await using owner = await openOwner('run');
  if (engine && dockerHost === undefined) await sweep(engine.docker, { logger });
  try {
    const report = await verify(wayOf(flags, config, { engine, owner, logger }), {
      engineIsHere: engine === undefined || (await isHere(engine)),
      publicNames: flags.publicName,
      token: `jobgate-verify-${randomBytes(12).toString('hex')}`,
      stop: signals.stop,
    });
    process.stdout.write(flags.json ? `${terminalJson(report, 2)}\n` : table(report));
    return exitCodeOf(report);
  } catch (error) {
    if (signals.received && error === signals.stop.reason) return signalExit(signals.received);
    throw error;
  }
}

/** A bridge of the same name and range is on many hosts: what a socket of this one leads to is on this one. */
async function isHere({ docker, endpoint: { url } }: Engine): Promise<boolean> {
  const local = /^unix:|^(tcp|https?):\/\/(127\.|localhost\b|\[::1\])/.test(url);
  return local && (await engineIsHere(docker)) !== false;
}

interface Parts {
  readonly engine: Engine | undefined;
  readonly owner: Owner;
  readonly logger: ReturnType<typeof createLogger>;
}

function wayOf(flags: VerifyFlags, config: Config, { engine, owner, logger }: Parts): Way {
  const { serve, dockerHost, network, neighbourNetwork, proxy, image = defaultGatewayImage() } = flags;
  const { rate, operator } = config;
  const { burst, limits, jobHeader } = operator;
  const promised = { rate, burst, limits, jobHeader };
  if (!engine) return insideBy(flags.inside ?? '', promised);
  if (serve !== undefined) {
    return servedGateways(clientAt(serve, config), serve, { engine, owner, image, promised });
  }
  if (dockerHost === undefined) {
    return ownGateways(config, { engine, owner, logger: withoutRefusals(logger), image, promised });
  }
  return anyEngine(engine, {
    owner,
    image,
    ...(network !== undefined && { network }),
    ...(neighbourNetwork !== undefined && { neighbourNetwork }),
    ...(proxy !== undefined && { proxy }),
    promised,
  });
}

/** @throws UsageError for options that do not go together. */
function checkWays({ serve, dockerHost, inside, network, neighbourNetwork, proxy }: VerifyFlags): void {
  const ways = Object.entries({ serve, 'docker-host': dockerHost, inside }).filter(
    ([, value]) => value !== undefined,
  );
  const [one, another] = ways;
  if (one && another) {
    throw new UsageError(`--${one[0]} and --${another[0]} are two ways in: leave one of them out`);
  }
  const lost = Object.entries({ network, 'neighbour-network': neighbourNetwork, proxy }).find(
    ([, value]) => value !== undefined,
  );
  if (lost && dockerHost === undefined) throw new UsageError(`--${lost[0]} is for --docker-host`);
  if (proxy !== undefined && !/^http:\/\/[^/]+\/?$/.test(proxy))
    throw new UsageError(`--proxy ${proxy}: write http://HOST:PORT`);
}
