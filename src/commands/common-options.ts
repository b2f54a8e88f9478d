import { type Command, Option } from 'commander';
import { BUDGET_SYNTAX, type Budget, parseBudget } from '../../proxy/policy/budget.js';
import { UsageError } from '../errors.js';
import { repeatable, settingOptions, settingsOf } from './setting-options.js';

/** What commander makes of the settings' flags is the loader's to read. */
export interface CommonFlags {
  readonly config: string[];
  readonly quiet?: true;
}

export function configFile(): Option {
  return repeatable(
    '-c, --config <file>',
    'configuration, YAML, or KEY=VALUE of one; a later one beats an earlier one',
  );
}

/**
 * Where the configuration is, and what is logged.
 *
 * @param verbose its flags, where `-v` is something else
 */
export function configOptions(verbose = '-v, --verbose'): Option[] {
  return [
    configFile(),
    ...settingOptions(...settingsOf('Log')),
    new Option(verbose, 'as --log-level debug').implies({ logLevel: 'debug' }),
    new Option('-q, --quiet', 'as --log-level error, and nothing of what was refused at the end').implies({
      logLevel: 'error',
    }),
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

/** Of one job, beside the node's (`Egress.Budget`). */
export const budgetOption = () =>
  new Option('--budget <budget>', `what the job may exchange in all, and with each host: ${BUDGET_SYNTAX}`);

/** @throws UsageError */
export function budgetOf(text: string | undefined): Budget | null {
  if (text === undefined) return null;
  const parsed = parseBudget(text);
  if (parsed.ok) return parsed.value;
  throw new UsageError(`--budget: ${parsed.problem}`);
}

export function addOptions(command: Command, ...options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}
