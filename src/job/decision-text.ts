import type { DecisionEvent } from '../../proxy/report/events.js';

type Told = Pick<
  DecisionEvent,
  'how' | 'decision' | 'method' | 'host' | 'port' | 'reason' | 'detail' | 'count'
>;

/** A decision as a line for people: `denied CONNECT evil.example:443 domain-not-allowed`. */
export function decisionText(event: Told): string {
  const { decision, reason, detail } = event;
  const asked = event.how === 'dns' ? 'name' : event.method;
  const why = decision === 'allow' ? '' : ` ${reason}${detail === undefined ? '' : `: ${detail}`}`;
  return `${decision === 'allow' ? 'allowed' : 'denied'} ${asked} ${targetText(event)}${why}${timesText(event)}`;
}

/** `evil.example:443`; an IPv6 address in brackets; without a port where none was understood, and said where no host was. */
export function targetText({ host, port }: { readonly host: string; readonly port: number }): string {
  const shown = host === '' ? '(no host)' : host.includes(':') ? `[${host}]` : host;
  return port > 0 ? `${shown}:${port}` : shown;
}

/** ` 5 times`, of an event that stands for several. */
export function timesText({ count }: { readonly count?: number }): string {
  return count === undefined ? '' : ` ${count} times`;
}
