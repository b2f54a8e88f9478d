import { describe, expect, it } from 'vitest';
import type { DecisionEvent } from '../../../proxy/report/events.js';
import { DenialSummary } from '../../../src/job/denial-summary.js';

function denied(
  host: string,
  port: number,
  reason: DecisionEvent['reason'],
  more: Partial<DecisionEvent> = {},
): DecisionEvent {
  return {
    v: 1,
    type: 'decision',
    time: 0,
    job: 'j',
    connection: 1,
    method: 'CONNECT',
    host,
    port,
    decision: reason === 'allowed' ? 'allow' : 'deny',
    reason,
    client: '10.0.0.2',
    ms: 0,
    ...more,
  };
}

describe('what a run refused', () => {
  it('is counted, most frequent first, with the flag that would allow it', () => {
    const summary = new DenialSummary();
    summary.add(denied('a.example', 443, 'domain-not-allowed'));
    summary.add(denied('b.example', 8443, 'domain-not-allowed', { count: 4 }));
    summary.add(denied('b.example', 8443, 'domain-not-allowed'));
    summary.add(denied('c.example', 22, 'port-not-allowed'));
    summary.add(denied('d.example', 80, 'address-not-public', { address: 'fd00::1' }));
    expect(summary.text()).toBe(
      [
        'jobgate refused:',
        '  b.example:8443  5 times, domain-not-allowed: to allow it: --domain b.example:8443',
        '  a.example:443   once, domain-not-allowed: to allow it: --domain a.example',
        '  c.example:22    once, port-not-allowed: to allow it: --domain c.example:22 --allow-port 22',
        '  d.example:80    once, address-not-public: resolves to fd00::1; to allow it: --allow-address [fd00::1]:80',
        '',
      ].join('\n'),
    );
  });

  it('is silent where nothing was refused', () => {
    const summary = new DenialSummary();
    summary.add(denied('a.example', 443, 'allowed'));
    expect(summary.text()).toBe('');
  });

  it('stays bounded whatever the job tries', () => {
    const summary = new DenialSummary();
    for (let i = 0; i < 5000; i++) summary.add(denied(`h${i}.example`, 443, 'domain-not-allowed'));
    const rows = summary.rows();
    expect(rows).toHaveLength(501);
    expect(rows[0]).toMatchObject({ host: '(other hosts)', count: 4500 });
  });
});
