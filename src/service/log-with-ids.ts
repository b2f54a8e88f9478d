import type { Log } from '../../docker/host/log.js';

/** A logger each of whose lines has the ids, unless the line has them itself. */
export function logWithIds(logger: Log, ids: Readonly<Record<string, string | undefined>>): Log {
  const given = Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== undefined));
  return {
    debug: (fields, message) => logger.debug({ ...given, ...fields }, message),
    info: (fields, message) => logger.info({ ...given, ...fields }, message),
    warn: (fields, message) => logger.warn({ ...given, ...fields }, message),
    error: (fields, message) => logger.error({ ...given, ...fields }, message),
  };
}
