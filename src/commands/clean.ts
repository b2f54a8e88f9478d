import { Command } from 'commander';
import type Dockerode from 'dockerode';
import { openEngine } from '../../docker/engine/engine.js';
import { GatewayError } from '../../docker/engine/errors.js';
import { removeNetwork } from '../../docker/gateway/network.js';
import type { OwnedNetwork } from '../../docker/gateway/owned-network.js';
import { sweep } from '../../docker/gateway/sweep.js';
import { Lockdown } from '../../docker/host/lockdown.js';
import { loadConfig } from '../config/load.js';
import { createLogger } from '../logging.js';
import { during } from '../progress.js';
import { addOptions, type CommonFlags, configOptions } from './common-options.js';
import { settingOptions } from './setting-options.js';

export function cleanCommand(): Command {
  const command = new Command('clean').description(
    'Removes containers and networks of jobgate processes that are gone. Then, when no isolated network is left,\n' +
      'removes the rules that lockdown installed. What belongs to a live process is left alone, and so are gateways of\n' +
      'a serve that has gone whose jobs still run: the next one opens them again. With --gateway container the firewall\n' +
      'is left alone: such gateways have no rules, and an ordinary user cannot see it.',
  );
  addOptions(command, ...settingOptions('gatewayPlacement', 'gatewayPort'), ...configOptions());
  return command.action(async (flags: CommonFlags) => {
    const config = await loadConfig({ flags, env: process.env });
    const logger = createLogger(config.log);
    let notAsked: GatewayError | undefined;
    try {
      const engine = await during('waiting for the engine', () => openEngine());
      const left: OwnedNetwork[] = [];
      await during('removing what is left', async () => {
        await sweep(engine.docker, { logger, onServeNetwork: (network) => void left.push(network) });
        for (const network of left) await removeUnused(engine.docker, network);
      });
    } catch (error) {
      // Rules can go without an engine; networks that it would know show as interfaces.
      if (!(error instanceof GatewayError)) throw error;
      notAsked = error;
    }
    if (config.gateway.placement !== 'container')
      await new Lockdown({ port: config.gateway.port, logger }).remove();
    if (notAsked)
      throw new GatewayError(`containers and networks may be left: ${notAsked.message}`, { cause: notAsked });
    process.stdout.write('clean\n');
  });
}

// Where a job still runs, the next serve opens its gateway again.
async function removeUnused(docker: Dockerode, network: OwnedNetwork): Promise<void> {
  const { Containers: attached = {} } = await docker.getNetwork(network.id).inspect();
  if (Object.keys(attached ?? {}).length === 0) await removeNetwork(docker, network);
}
