import { constants } from 'node:os';

/** Exit codes of the command line; any other is the job's own. */
export const EXIT = {
  ok: 0,
  /** Of verify: something got through. */
  leaks: 1,
  usage: 64,
  refused: 77,
  timeout: 124,
  failed: 125,
} as const;

/** 128 + n, as a shell tells that a signal ended a command. */
export function signalExit(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
