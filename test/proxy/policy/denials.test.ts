import { STATUS_CODES } from 'node:http';
import { describe, expect, it } from 'vitest';
import { DENIALS } from '../../../proxy/policy/denials.js';

describe('denials: every reason is documented', () => {
  it.each(Object.entries(DENIALS))('%s', (reason, { status, help }) => {
    expect(reason).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    // Half a sentence of one printable line: it becomes a header's neighbour and a line of the answer.
    expect(help).toMatch(/^[ -~]{10,200}$/);
    expect(help).not.toMatch(/[.\s]$/);
    // 407 would make clients send credentials; 0 is a tunnel that is closed unanswered.
    expect(status).not.toBe(407);
    if (status !== 0) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(STATUS_CODES[status]).toBeDefined();
    }
  });

  it('answers limits with 429, time-outs of others with 504, and policy with 403', () => {
    const reasons = Object.entries(DENIALS);
    for (const [reason, { status }] of reasons) {
      if (reason.startsWith('too-many-')) expect(status, reason).toBe(429);
      if (reason.endsWith('-not-allowed')) expect(status, reason).toBe(403);
      if (/^(dns|connect)-timeout$/.test(reason)) expect(status, reason).toBe(504);
      if (reason.startsWith('malformed-')) expect(status, reason).toBe(400);
    }
  });
});
