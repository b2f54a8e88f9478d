import type { Logger } from '../../proxy/policy/logger.js';

/** A logger each of whose lines has the ids, unless the line has them itself. */
export function logWithIds(logger: Logger, ids: Readonly<Record<string, string | undefined>>): Logger {
  const given = Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== undefined));
  return {
    debug: (fields, message) => logger.debug({ ...given, ...fields }, message),
    info: (fields, message) => logger.info({ ...given, ...fields }, message),
    warn: (fields, message) => logger.warn({ ...given, ...fields }, message),
    error: (fields, message) => logger.error({ ...given, ...fields }, message),
  };
}
