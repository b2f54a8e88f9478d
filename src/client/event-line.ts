import { decisionText, targetText, timesText } from '../job/decision-text.js';
import type { ServiceEvent } from '../service/event-hub.js';
import { visible } from '../visible.js';
import { short } from './units.js';

/** An event as the API tells it. */
export type ToldEvent = ServiceEvent extends infer One
  ? One extends ServiceEvent
    ? Omit<One, 'time'> & { readonly time: string }
    : never
  : never;

/** An event as a line for a person: `20:55:01 denied CONNECT evil.net:443 domain-not-allowed (job-1)`. */
export function eventLine(event: ToldEvent): string {
  const time = new Date(event.time).toTimeString().slice(0, 8);
  return visible(`${time} ${eventText(event)}`.replaceAll('\n', ' '));
}

/** The same without its time, and with whatever its texts hold. */
export function eventText(event: ToldEvent): string {
  return `${what(event)}${event.job === undefined ? '' : ` (${event.job})`}`;
}

function what(event: ToldEvent): string {
  switch (event.type) {
    case 'decision':
      return decisionText(event);
    case 'closed': {
      const bytes = `${short(event.down)}B down, ${short(event.up)}B up`;
      const why = event.reason === 'end' ? '' : `, ${event.reason}`;
      return `closed ${event.method} ${targetText(event)} ${bytes}, ${(event.ms / 1000).toFixed(1)} s${why}${timesText(event)}`;
    }
    case 'gateway':
      return because(
        `gateway ${event.change}`,
        event.change === 'policy-changed' ? changes(event) : event.reason,
      );
    case 'job':
      return because(`job ${event.state}`, event.reason);
    case 'admission':
      return because(`admission ${event.shouldBid ? 'yes' : 'no'}`, event.reason);
  }
}

function because(text: string, reason: string | undefined): string {
  return reason ? `${text}: ${reason}` : text;
}

function changes({ policy, cut = 0, by }: Extract<ToldEvent, { type: 'gateway' }>): string {
  const list = (word: string, names: readonly string[] = []) =>
    names.length > 0 ? [`${word} ${names.join(', ')}`] : [];
  const until = (end: string | null | undefined) => (end === undefined ? '' : ` until ${end}`);
  const told = [
    ...list(
      'allows',
      policy?.added.map(({ domain, expires }) => `${domain}${until(expires)}`),
    ),
    // What is denied is no entry any more.
    ...list(
      'no more',
      policy?.removed.filter((one) => !policy.denied.includes(one)),
    ),
    ...list('denies', policy?.denied),
    ...list('denies no more', policy?.undenied),
    ...(policy?.rate === undefined
      ? []
      : [`rate ${policy.rate === null ? 'unlimited' : `${short(policy.rate)}bit/s`}`]),
    ...(policy?.expires === undefined
      ? []
      : [policy.expires === null ? 'has no end' : `ends ${policy.expires}`]),
    ...(cut > 0 ? [`cut ${cut}`] : []),
    ...(by === undefined ? [] : [`by ${by}`]),
  ];
  return told.join('; ');
}
