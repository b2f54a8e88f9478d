import type { DecisionEvent } from '../../proxy/report/events.js';

/** A decision as a line for people: `denied CONNECT evil.example:443 domain-not-allowed`. */
export function decisionText(event: DecisionEvent): string {
  const { decision, method, host, port, reason, count = 1 } = event;
  const name = host.includes(':') ? `[${host}]` : host;
  const target = port > 0 ? `${name}:${port}` : name;
  const times = count > 1 ? ` (${count} times)` : '';
  return decision === 'allow'
    ? `allowed ${method} ${target}${times}`
    : `denied ${method} ${target} ${reason}${times}`;
}
