import type { Logger } from '../policy/logger.js';
import type { ClosedEvent, DecisionEvent, ProxyEvent } from './events.js';

/**
 * One canonical line per event, with everything in it. Its text is made of our own words, the rest are fields of
 * values that were parsed or cut to printable ASCII: a job cannot forge a line.
 */
function logEvent(logger: Logger, event: ProxyEvent): void {
  if (event.type === 'closed') logger.info(closedFields(event), `${event.kind} closed`);
  else if (event.decision === 'allow') logger.info(decisionFields(event), 'allowed');
  else logger.warn(decisionFields(event), `denied: ${event.reason}`);
}

/** The log line of an event, and whoever listens. A listener's mistake must not decide about a job's traffic. */
export function tellEvent(event: ProxyEvent, { logger, onEvent }: Told): void {
  if (logger) logEvent(logger, event);
  try {
    onEvent?.(event);
  } catch (error) {
    logger?.error({ error: String(error) }, 'a listener of proxy events failed');
  }
}

interface Told {
  readonly logger?: Logger | undefined;
  readonly onEvent?: ((event: ProxyEvent) => void) | undefined;
}

/*
 * Field by field, without those that are not there: what goes over the keys takes ten times as long, for each request.
 * The logger has a time of its own.
 */

function decisionFields(event: DecisionEvent): object {
  const { v, job, execution, type, connection, client, how, method, host, port } = event;
  const { decision, reason, status, learned, address, detail, ms, count } = event;
  return {
    event: type,
    v,
    job,
    execution,
    connection,
    client,
    how,
    method,
    host,
    port,
    decision,
    reason,
    status,
    learned,
    address,
    detail,
    ms,
    count,
  };
}

function closedFields(event: ClosedEvent): object {
  const { v, job, execution, type, connection, method, host, port, kind, up, down, reason, ms, count } =
    event;
  return {
    event: type,
    v,
    job,
    execution,
    connection,
    method,
    host,
    port,
    kind,
    up,
    down,
    reason,
    ms,
    count,
  };
}
