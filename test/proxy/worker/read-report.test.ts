import { describe, expect, it } from 'vitest';
import type { ProxyEvent } from '../../../proxy/report/events.js';
import { NO_FIGURES } from '../../../proxy/report/figures.js';
import type { Report } from '../../../proxy/worker/link.js';
import { readReport } from '../../../proxy/worker/read-report.js';

const denied: ProxyEvent = {
  ...{
    v: 1,
    job: '',
    type: 'decision',
    time: 1,
    connection: 1,
    how: 'proxy',
    client: '192.0.2.1',
    method: 'GET',
  },
  ...{ host: 'a.test', port: 80, decision: 'deny', reason: 'domain-not-allowed', status: 403, ms: 0.5 },
  ...{ detail: 'why', address: '192.0.2.2', count: 3, learned: true },
};
const closed: ProxyEvent = {
  ...{ v: 1, job: '', type: 'closed', time: 1, connection: 1, method: 'CONNECT', host: 'a.test', port: 443 },
  ...{ kind: 'tunnel', up: 1, down: 2, reason: 'end', ms: 7, count: 2 },
};
const host = { host: 'a.test', port: 80, allowed: 1, denied: { 'domain-not-allowed': 2 } };

const reports: Record<string, Report> = {
  beat: { is: 'beat' },
  broken: { is: 'broken', message: 'why' },
  dropped: { is: 'dropped', count: 3 },
  ready: { id: 1, is: 'ready', host: '192.0.2.1', port: 80 },
  refused: { id: 1, is: 'refused', message: 'why', code: 'EADDRINUSE' },
  denied: { id: 1, is: 'event', event: denied },
  'end of a tunnel': { id: 1, is: 'event', event: closed },
  figures: { id: 1, is: 'figures', figures: { ...NO_FIGURES, hosts: [host] } },
  log: { id: 1, is: 'log', level: 'warn', fields: { host: 'a', n: 1, ok: true }, message: 'text' },
  lease: { id: 1, is: 'lease', destination: '192.0.2.1', count: 4 },
  'give-back': { id: 1, is: 'give-back', destination: '192.0.2.1', count: 4 },
  closed: { id: 1, is: 'closed' },
};

describe('what a worker says', () => {
  it.each(Object.keys(reports))('is read as it was meant: %s', (name) => {
    expect(readReport(JSON.stringify(reports[name]))).toEqual(reports[name]);
  });

  const event = (change: object) => ({ id: 1, is: 'event', event: { ...denied, ...change } });
  const figures = (change: object) => ({ id: 1, is: 'figures', figures: { ...NO_FIGURES, ...change } });
  it.each<[string, unknown]>([
    ['no object', 7],
    ['a kind that there is not', { is: 'opened', id: 1 }],
    ['a reason that becomes a label of a metric', event({ reason: 'x'.repeat(9) })],
    ['a reason from the prototype of things', event({ reason: 'constructor' })],
    ['a decision that is none', event({ decision: 'maybe' })],
    ['a count below nothing', event({ count: -1 })],
    ['text for a number', figures({ up: '1' })],
    ['no number', figures({ down: null })],
    ['more hosts than it tells apart', figures({ hosts: Array(502).fill(host) })],
    ['a host denied for what is no reason', figures({ hosts: [{ ...host, denied: { toString: 1 } }] })],
    ['a method of the logger', { id: 1, is: 'log', level: 'child', fields: {}, message: '' }],
  ])('is no report, and its worker ends: %s', (_, said) => {
    expect(() => readReport(JSON.stringify(said))).toThrow();
  });

  it('has texts of a bounded length, no job of its own, and no field of a log line that is not its own', () => {
    const long = 'x'.repeat(100_000);
    const read = readReport(JSON.stringify(event({ host: long, job: 'another', execution: 'other' })));
    expect(read).toMatchObject({ event: { job: '', host: 'x'.repeat(4_096) } });
    expect(read).not.toHaveProperty('event.execution');
    const fields = '{"level":60,"time":1,"job":"another","__proto__":{"x":1},"nested":{},"host":"a.test"}';
    const log = readReport(`{"id":1,"is":"log","level":"info","message":"","fields":${fields}}`);
    expect(log).toEqual({ id: 1, is: 'log', level: 'info', message: '', fields: { host: 'a.test' } });
  });
});
