import { UsageError } from '../errors.js';

/** A configuration that cannot be used: each problem names its key, flag or variable, and its line of the file. */
export class ConfigError extends UsageError {
  override readonly name = 'ConfigError';
  override readonly code = 'JOBGATE_CONFIG';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}
