import type { Command, Option } from 'commander';
import { repeatable, settingOptions, settingsOf } from './setting-options.js';

/** What commander makes of the settings' flags is the loader's to read. */
export interface CommonFlags {
  readonly config: string[];
}

/** Where the configuration is, and what is logged of it. */
export function configOptions(): Option[] {
  return [
    repeatable(
      '-c, --config <file>',
      'configuration, YAML, or KEY=VALUE of one; a later one beats an earlier one',
    ),
    ...settingOptions(...settingsOf('Log')),
  ];
}

/** What the node accepts. */
export function admissionOptions(): Option[] {
  return settingOptions(...settingsOf('JobAdmissionControl'), 'allowListedLocalPaths');
}

/** What the egress proxy does. */
export function egressOptions(): Option[] {
  return settingOptions(...settingsOf('Egress'));
}

export function addOptions(command: Command, ...options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}
