import { Command } from 'commander';
import { openEngine } from '../../docker/engine.js';
import { GatewayError } from '../../docker/errors.js';
import { Lockdown } from '../../docker/lockdown.js';
import { sweep } from '../../docker/sweep.js';
import { loadConfig } from '../config/load.js';
import { createLogger } from '../logging.js';
import { addOptions, type CommonFlags, configOptions } from './common-options.js';
import { settingOptions } from './setting-options.js';

export function cleanCommand(): Command {
  const command = new Command('clean')
    .summary('remove left-overs of dead runs, and the firewall rules when no gateway is open')
    .description(
      'Removes containers and networks of jobgate processes that are gone. Then, when no isolated network is left,\n' +
        'removes the rules that lockdown installed. What belongs to a live process is left alone.',
    );
  addOptions(command, ...settingOptions('gatewayPort'), ...configOptions());
  return command.action(async (flags: CommonFlags) => {
    const config = await loadConfig({ flags, env: process.env });
    const logger = createLogger(config.log);
    try {
      const engine = await openEngine();
      await sweep(engine.docker, { logger });
    } catch (error) {
      // Rules can go without an engine; networks that it would know show as interfaces.
      if (!(error instanceof GatewayError)) throw error;
      logger.warn(error.message);
    }
    await new Lockdown({ port: config.gateway.port, logger }).remove();
    process.stdout.write('clean\n');
  });
}
