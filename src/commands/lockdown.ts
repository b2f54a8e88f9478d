import { Command, Option } from 'commander';
import { Lockdown } from '../../docker/host/lockdown.js';
import { loadConfig } from '../config/load.js';
import { createLogger } from '../logging.js';
import { during } from '../progress.js';
import { tell } from '../terminal.js';
import { addOptions, type CommonFlags, configOptions } from './common-options.js';
import { settingOptions } from './setting-options.js';

export function lockdownCommand(): Command {
  const command = new Command('lockdown').description(
    'Installs the rules for the interfaces of isolated networks (jg-*). They are static and stay when jobgate ends:\n' +
      'run it at boot, before the engine starts. Installing twice changes nothing; rules of others are not touched.',
  );
  addOptions(
    command,
    ...settingOptions('gatewayPort'),
    new Option('--check', 'only say what is missing; exit code 125 if anything is'),
    ...configOptions(),
  );
  return command.action(async (flags: CommonFlags & { check?: true }) => {
    const config = await loadConfig({ flags, env: process.env });
    const lockdown = new Lockdown({ port: config.gateway.port, logger: createLogger(config.log) });
    if (flags.check) {
      const missing = await during('looking at the firewall', () => lockdown.verify());
      tell(missing.length === 0 ? 'the lock-down stands\n' : `${missing.join('\n')}\n`, process.stdout);
      process.exitCode = missing.length === 0 ? 0 : 125;
      return;
    }
    const changed = await during('waiting for the firewall', () => lockdown.ensure());
    process.stdout.write(changed ? 'the lock-down is installed\n' : 'the lock-down stands already\n');
  });
}
