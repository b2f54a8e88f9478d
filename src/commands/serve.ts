import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { placedGateways } from '../../docker/gateway/placement.js';
import { Lockdown } from '../../docker/host/lockdown.js';
import { packageVersion } from '../../proxy/util/package-files.js';
import { Workers } from '../../proxy/worker/workers.js';
import { loadConfig } from '../config/load.js';
import { tellNotes } from '../config/read/notes.js';
import { EXIT, signalExit } from '../exit-codes.js';
import { EngineGate, gateId } from '../gate/gate.js';
import { leaveSoon } from '../leave-soon.js';
import { createLogger } from '../logging.js';
import { during } from '../progress.js';
import { Auth, readToken } from '../service/auth.js';
import {
  denyEntries,
  formatListen,
  isReachable,
  listen,
  listenOnSocket,
  parseListen,
  parseSocketPath,
} from '../service/listen.js';
import { serviceRoutes } from '../service/routes/all.js';
import { createServer } from '../service/server.js';
import { Service } from '../service/service.js';
import { sayWaiting, trapSignals, whenAborted } from '../signals.js';
import {
  addOptions,
  admissionOptions,
  type CommonFlags,
  configOptions,
  egressOptions,
} from './common-options.js';
import { settingOptions, settingsOf } from './setting-options.js';

export function serveCommand(): Command {
  const command = new Command('serve')
    .description(
      'Answers an HTTP API, on a unix socket that its owner alone may use, or on HOST:PORT with a token. Prints one\n' +
        'line "listening …" on stdout once it accepts. SIGTERM drains it; gateways of jobs that still run are opened\n' +
        'again by the next start, at the same address.',
    )
    .addHelpText(
      'after',
      `
Examples:
  jobgate serve
  jobgate serve --gate unix:///run/jobgate/docker.sock
  jobgate serve --config node.yaml --listen 127.0.0.1:13129 --token-file /etc/jobgate/token
  curl --unix-socket /run/jobgate/jobgate.sock http://localhost/v1/gateways`,
    );
  addOptions(
    command,
    ...settingOptions(...settingsOf('Serve')),
    ...settingOptions(...settingsOf('Gate')),
    ...egressOptions(),
    ...settingOptions(...settingsOf('Gateway')),
    ...admissionOptions(),
    ...configOptions(),
  );
  return command.action(async (flags: CommonFlags) => {
    process.exitCode = await serve(flags);
  });
}

async function serve(flags: CommonFlags): Promise<number> {
  const loaded = await loadConfig({ flags, env: process.env });
  const { tokenFile, drainMs } = loaded.service;
  const token = tokenFile === undefined ? undefined : readToken(tokenFile);
  const address = parseListen(loaded.service.listen, { hasToken: token !== undefined });
  const gatePath =
    loaded.gate && parseSocketPath(loaded.gate.listen, { flag: '--gate', example: 'docker.sock' });
  const deny = [...loaded.operator.deny];
  const config = { ...loaded, operator: { ...loaded.operator, deny } };
  const logger = createLogger(config.log);
  tellNotes(config, logger);
  const auth = new Auth({ unix: address.kind === 'unix', ...(token !== undefined && { token }) });

  const workers = new Workers({ count: config.service.workers ?? availableParallelism(), logger });
  // One for all jobs: its lines are no job's.
  const lockdown = new Lockdown({ port: config.gateway.port, logger });

  using signals = trapSignals();
  const service = await Service.open({
    config,
    parts: {
      workers: () => workers.figures(),
      lockdown: () => lockdown.figures(),
      gate: gatePath === undefined ? undefined : () => gate !== undefined && isReachable(gate.server),
    },
    openGateway: placedGateways({
      ...config.gateway,
      lockdown,
      createProxy: workers.createProxy,
      onPlaced: (placement, why) => logger.info({ placement, why }, 'gateways are placed'),
    }),
    logger,
    sockets: [
      ...(address.kind === 'unix' ? [address.path] : []),
      ...(gatePath === undefined ? [] : [gatePath]),
    ],
    ...(gatePath !== undefined && { gate: gateId(gatePath) }),
  });
  const app = await createServer({
    routes: serviceRoutes(service, auth),
    auth,
    logger,
    version: packageVersion(),
  });
  const gate =
    gatePath === undefined ? undefined : new EngineGate({ id: gateId(gatePath), service, config, logger });
  try {
    // Listening comes first: who starts second must not take anything over.
    const bound = await listen(app.server, address);
    // A proxy in another process doesn't know what this one listens on, and the operator may have excepted its address.
    // No gateway is open before the start.
    deny.push(...denyEntries(bound));
    if (gate && gatePath !== undefined && config.gate) {
      await listenOnSocket(gate.server, gatePath, { flag: '--gate', ...config.gate });
    }
    await during('looking for what jobs have on the engine', () => service.start());
    sayWaiting(signals, () => service.underWay(drainMs));
    process.stdout.write(`listening ${formatListen(bound)}\n`);
    if (gatePath !== undefined)
      logger.info({ gate: `unix://${gatePath}` }, 'the gate listens: DOCKER_HOST for its clients');
    notifySystemd(logger);
    await whenAborted(signals.stop);
    logger.info({ signal: signals.received }, 'ending');
    // What the end at once leaves is what a crash leaves: the next start mends it.
    signals.kill.addEventListener('abort', () => process.exit(signalExit(signals.received ?? 'SIGTERM')));
    await during(
      () => service.underWay(drainMs),
      () => service.stop(drainMs),
    );
  } finally {
    await gate?.stop();
    await service.stop(0);
    await app.close();
  }
  // An engine that does not come back still has questions, and this process would wait for their answers.
  return leaveSoon(EXIT.ok);
}

// Type=notify; nothing is sent where systemd did not start us.
function notifySystemd(logger: { warn(fields: object, message: string): void }): void {
  if (!process.env.NOTIFY_SOCKET) return;
  spawn('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' }).once('error', (error) =>
    logger.warn({ err: error }, 'systemd cannot be told that serve is ready'),
  );
}
