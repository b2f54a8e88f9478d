import { JobgateError } from '../../proxy/policy/jobgate-error.js';

type GatewayErrorName =
  | 'GatewayError'
  | 'EngineError'
  | 'CommandError'
  | 'StartGivenUp'
  | 'LockdownError'
  | 'FirewallError'
  | 'PlacementError'
  | 'PortTakenError';

type GatewayErrorCode =
  | 'JOBGATE_GATEWAY'
  | 'JOBGATE_ENGINE'
  | 'JOBGATE_COMMAND'
  | 'JOBGATE_START_GIVEN_UP'
  | 'JOBGATE_LOCKDOWN'
  | 'JOBGATE_FIREWALL'
  | 'JOBGATE_PLACEMENT'
  | 'JOBGATE_PORT_TAKEN';

/** What the docker side throws when it cannot do its work. The command line exits with 125 on it. */
export class GatewayError extends JobgateError {
  override readonly name: GatewayErrorName = 'GatewayError';
  override readonly code: GatewayErrorCode = 'JOBGATE_GATEWAY';
}

/** The engine is not there, refuses, or answered with an error. */
export class EngineError extends GatewayError {
  override readonly name: 'EngineError' | 'CommandError' | 'StartGivenUp' = 'EngineError';
  override readonly code: 'JOBGATE_ENGINE' | 'JOBGATE_COMMAND' | 'JOBGATE_START_GIVEN_UP' = 'JOBGATE_ENGINE';
  /** HTTP status of the engine's answer, where it gave one. */
  readonly status: number | undefined;
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.status = engineStatus(options?.cause);
  }
}

/** The firewall's rules could not be read, installed or verified. Nothing may run without them. */
export class LockdownError extends GatewayError {
  override readonly name: 'LockdownError' | 'FirewallError' = 'LockdownError';
  override readonly code: 'JOBGATE_LOCKDOWN' | 'JOBGATE_FIREWALL' = 'JOBGATE_LOCKDOWN';
}

/** Status of an engine's error answer; undefined for anything else. */
export function engineStatus(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** Of what the engine says, characters: it repeats the job's command, and says what is wrong with it at the end. */
const MAX_MESSAGE = 4096;

/** What the engine said, on one line; the middle of a long text is left out. */
export function engineMessage(error: unknown): string {
  const body = (error as { json?: { message?: unknown } } | null)?.json;
  const text =
    typeof body?.message === 'string' ? body.message : error instanceof Error ? error.message : String(error);
  return shortened(text)
    .replace(/^\(HTTP code \d+\) [^-]* - /, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function shortened(text: string): string {
  if (text.length <= MAX_MESSAGE) return text;
  const half = MAX_MESSAGE / 2 - 1;
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}

/** The gateway cannot be placed on this host; another placement may do. */
export class PlacementError extends GatewayError {
  override readonly name = 'PlacementError';
  override readonly code = 'JOBGATE_PLACEMENT';
}

/** Another program has the gateway's port. */
export class PortTakenError extends GatewayError {
  override readonly name = 'PortTakenError';
  override readonly code = 'JOBGATE_PORT_TAKEN';
}
