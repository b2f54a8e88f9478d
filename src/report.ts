import { AdmissionConfigError } from '../admission/config.js';
import { CommandError } from '../docker/engine/container.js';
import { GatewayError } from '../docker/engine/errors.js';
import { AdmissionRefused, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';

/** What a command threw, as one line and an exit code. */
export function report(thrown: unknown): { readonly message: string; readonly code: number } {
  const error = firstOf(thrown);
  const as = (code: number) => ({ message: (error as Error).message, code });
  if (error instanceof UsageError || error instanceof AdmissionConfigError) return as(EXIT.usage);
  if (error instanceof AdmissionRefused) return as(EXIT.refused);
  if (error instanceof CommandError) return as(error.exitCode);
  if (error instanceof GatewayError) return as(EXIT.failed);
  // Not foreseen: still one line, the stack for those who ask for it.
  const text =
    error instanceof Error ? (process.env.JOBGATE_DEBUG && error.stack) || error.message : String(error);
  return { message: `unexpected: ${text} (JOBGATE_DEBUG=1 shows where)`, code: EXIT.failed };
}

// Where cleaning up fails as well, what went wrong before that is the reason.
function firstOf(error: unknown): unknown {
  return error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error
    ? firstOf(error.suppressed)
    : error;
}
