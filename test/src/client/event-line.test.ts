import { expect, it } from 'vitest';
import { eventLine, type ToldEvent } from '../../../src/client/event-line.js';

const time = new Date(2026, 0, 1, 20, 55, 1).toISOString();
const request = { v: 1, time, job: 'job-1', connection: 1, method: 'CONNECT', host: 'evil.net', port: 443 };
const decision = { ...request, type: 'decision', how: 'proxy', client: '10.0.0.2', ms: 1 };
const denied = { ...decision, decision: 'deny', reason: 'domain-not-allowed' };
const of = { time, job: 'job-1', gateway: 'ab12' };

it.each<[object, string]>([
  [denied, 'denied CONNECT evil.net:443 domain-not-allowed (job-1)'],
  [{ ...denied, count: 40 }, 'denied CONNECT evil.net:443 domain-not-allowed 40 times (job-1)'],
  [{ ...denied, how: 'dns', method: '-', port: 0 }, 'denied name evil.net domain-not-allowed (job-1)'],
  [{ ...denied, host: '2001:db8::1' }, 'denied CONNECT [2001:db8::1]:443 domain-not-allowed (job-1)'],
  [
    { ...denied, reason: 'tls-other-name', detail: 'b.test' },
    'denied CONNECT evil.net:443 tls-other-name: b.test (job-1)',
  ],
  [{ ...decision, decision: 'allow', reason: 'allowed' }, 'allowed CONNECT evil.net:443 (job-1)'],
  [
    { ...request, type: 'closed', kind: 'tunnel', up: 1_200, down: 34_000_000, ms: 4_500, reason: 'idle' },
    'closed CONNECT evil.net:443 34MB down, 1.2kB up, 4.5 s, idle (job-1)',
  ],
  [{ ...of, type: 'gateway', change: 'opened' }, 'gateway opened (job-1)'],
  [
    {
      ...{ ...of, type: 'gateway', change: 'policy-changed', cut: 2, by: 'api' },
      policy: {
        added: [{ domain: 'a.test', expires: '2026-01-01T00:00:00Z' }, { domain: 'b.test' }],
        ...{
          removed: ['c.test', 'd.test'],
          denied: ['d.test'],
          undenied: ['e.test'],
          rate: 5_000_000,
          expires: null,
        },
      },
    },
    'gateway policy-changed: allows a.test until 2026-01-01T00:00:00Z, b.test; no more c.test; denies d.test; denies no more e.test; rate 5.0Mbit/s; has no end; cut 2; by api (job-1)',
  ],
  [{ time, job: 'job-1', type: 'job', state: 'failed', reason: 'no image' }, 'job failed: no image (job-1)'],
  [{ time, type: 'admission', shouldBid: false, reason: 'no\nno' }, 'admission no: no no'],
  [
    { time, job: 'job-1', type: 'job', state: 'failed', reason: 'a\x1b]0;b\x07\u202e' },
    'job failed: a\\x1b]0;b\\x07\\u202e (job-1)',
  ],
])('%j', (event, line) => {
  expect(eventLine(event as ToldEvent)).toBe(`20:55:01 ${line}`);
});
