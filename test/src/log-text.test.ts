import { expect, it } from 'vitest';
import { logText } from '../../src/log-text.js';

const own = { level: 30, time: 'now' };

it.each([
  [
    { event: 'decision', v: 1, job: 'job-1', how: 'proxy', method: 'CONNECT', host: 'evil.net', port: 443 },
    { decision: 'deny', reason: 'domain-not-allowed', status: 403, count: 12, msg: 'denied' },
    'denied CONNECT evil.net:443 domain-not-allowed 12 times (job-1)',
  ],
  [
    { event: 'closed', job: 'job-1', method: 'CONNECT', host: 'example.com', port: 443, kind: 'tunnel' },
    { up: 1_200, down: 3_400_000, ms: 1_234, reason: 'end', msg: 'tunnel closed' },
    'closed CONNECT example.com:443 3.4MB down, 1.2kB up, 1.2 s (job-1)',
  ],
  [
    { event: 'gateway', change: 'connected', job: 'job-1', gateway: '0123', container: 'web' },
    { msg: 'container connected' },
    'container connected container=web (job-1)',
  ],
  [
    { event: 'admission', job: 'job-1', shouldBid: false },
    { reason: 'too large', msg: 'admission: no' },
    'admission: no: too large (job-1)',
  ],
  [
    { engine: 'unix:///e', version: '28' },
    { msg: 'the engine answers' },
    'the engine answers engine=unix:///e version=28',
  ],
  [
    { err: { type: 'Error', message: 'no\nroom', stack: 'Error: no room\n    at x' }, job: 'job-1' },
    { msg: 'a gateway does not close' },
    'a gateway does not close: no\\nroom (job-1)',
  ],
  [
    {
      err: { type: 'TypeError', message: 'x is y', stack: 'TypeError: x is y\n    at x.ts:1\n    at y.ts:2' },
    },
    { msg: 'unexpected' },
    'unexpected: TypeError: x is y at x.ts:1 at y.ts:2',
  ],
  [
    { problems: ['one', 'two'], policy: { nested: 1 } },
    { msg: 'rules were missing' },
    'rules were missing: one, two',
  ],
])('%o %o is said to a person in one line', (some, others, expected) => {
  expect(logText({ ...own, ...some, ...others })).toBe(expected);
});
