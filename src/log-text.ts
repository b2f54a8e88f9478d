import { eventText, type ToldEvent } from './client/event-line.js';

/** A line of the log, as pino writes it. */
export type LogLine = Readonly<Record<string, unknown>>;

/** Why something is so: one of these ends the sentence. */
const WHY = ['reason', 'why', 'problem', 'problems', 'error', 'err'];
/** What is said otherwise, or is of use to programs alone. */
const LEFT_OUT = new Set([
  ...['level', 'time', 'msg', 'event', 'v', 'change', 'state', 'shouldBid'],
  ...['job', 'execution', 'gateway', 'connection', ...WHY],
]);

/** A line of the log for people: `denied CONNECT evil.example:443 domain-not-allowed (job-1)`. Never more than one line. */
export function logText(line: LogLine): string {
  return text(line).replaceAll('\n', '\\n');
}

function text(line: LogLine): string {
  const { event, job, msg } = line;
  if (event === 'decision' || event === 'closed') return eventText({ ...line, type: event } as ToldEvent);
  const why = WHY.map((name) => line[name])
    .map((one) => because(one, String(msg).startsWith('unexpected')))
    .filter((one) => one !== '' && !String(msg).includes(one));
  const said = [msg, ...why].join(': ');
  const more = Object.entries(line).flatMap(([name, value]) => {
    if (LEFT_OUT.has(name)) return [];
    const one = because(value);
    return one === '' ? [] : [` ${name}=${one}`];
  });
  return `${said}${more.join('')}${job === undefined ? '' : ` (${job})`}`;
}

/** Empty for what is no text, number, list of texts or error. */
function because(value: unknown, isUnforeseen = false): string {
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value);
  if (Array.isArray(value)) return value.filter((one) => typeof one === 'string').join(', ');
  const { message, stack } = (value ?? {}) as { message?: unknown; stack?: unknown };
  // Where it is known to nobody, what is wanted is the place in the code.
  if (isUnforeseen && typeof stack === 'string')
    return stack
      .split('\n')
      .map((one) => one.trim())
      .join(' ');
  return typeof message === 'string' ? message : '';
}
