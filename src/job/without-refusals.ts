import type { Logger } from '../../proxy/policy/logger.js';

/** A log of all but what is refused, which the end of a run tells: amid the job's own output it would be said twice. */
export function withoutRefusals(logger: Logger): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => {
      const { event, decision } = fields as { readonly event?: unknown; readonly decision?: unknown };
      if (event !== 'decision' || decision !== 'deny') logger.warn(fields, message);
    },
    error: (fields, message) => logger.error(fields, message),
  };
}
