import type { ProxyEvent } from './events.js';

/** What of a pino logger is used. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For programs that want no log. */
export const silentLogger: Logger = { debug: noop, info: noop, warn: noop, error: noop };

/**
 * One canonical line per event, with everything in it. Its text is made of our own words, the rest are fields of
 * values that were parsed or cut to printable ASCII: a job cannot forge a line.
 */
export function logEvent(logger: Logger, event: ProxyEvent): void {
  const fields: Record<string, unknown> = { event: event.type };
  // A rest and a spread take ten times as long, for each request. The logger has a time of its own.
  for (const key in event) if (key !== 'type' && key !== 'time') fields[key] = event[key as keyof ProxyEvent];
  if (event.type === 'closed') logger.info(fields, `${event.kind} closed`);
  else if (event.decision === 'allow') logger.info(fields, 'allowed');
  else logger.warn(fields, `denied: ${event.reason}`);
}

function noop(): void {}
