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
    how: 'proxy',
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
    summary.add(denied('e.example', 0, 'domain-not-allowed', { how: 'dns', count: 3 }));
    summary.add(denied('d.example', 80, 'address-not-public', { address: 'fd00::1' }));
    expect(summary.text()).toBe(
      [
        'jobgate refused:',
        '  b.example:8443  5 times, domain-not-allowed: to allow it: --domain b.example:8443',
        '  e.example       3 times, domain-not-allowed: to allow it: --domain e.example',
        '  a.example:443   once, domain-not-allowed: to allow it: --domain a.example',
        '  c.example:22    once, port-not-allowed: to allow it: --domain c.example:22 --allow-port 22',
        '  d.example:80    once, address-not-public: resolves to fd00::1; to allow it: --allow-address [fd00::1]:80',
        '',
      ].join('\n'),
    );
  });

  it('tells what was in the first bytes of a tunnel, and what is wrong with a certificate', () => {
    const summary = new DenialSummary();
    for (const name of ['b.example', 'c.example', 'b.example']) {
      summary.add(denied('a.example', 443, 'tls-other-name', { detail: `it names ${name}` }));
    }
    summary.add(denied('d.example', 443, 'certificate-not-valid', { detail: 'CERT_HAS_EXPIRED' }));
    expect(summary.text()).toMatch(
      /a\.example:443 {2}2 times, tls-other-name: .*: it names b\.example\n.*once, tls-other-name: .*: it names c\.example\n.*: CERT_HAS_EXPIRED\n$/,
    );
  });

  it('has no row without a target: what named no host is told so', () => {
    const summary = new DenialSummary();
    summary.add(denied('', 0, 'malformed-request', { method: '-' }));
    summary.add(denied('', 443, 'tls-no-name', { how: 'direct', method: '-' }));
    summary.add(denied('a?b', 0, 'malformed-request'));
    expect(summary.text()).toMatch(
      /\n {2}\(no host\) {6}once, malformed-request: .+\n {2}\(no host\):443 {2}once, tls-no-name: .+\n {2}a\?b {12}once, /,
    );
  });

  it('folds hosts of the same domains where they are many, with entries that allow them', () => {
    const browser = [
      ...['accounts.google.com', 'clients2.google.com', 'www.google.com'],
      ...['redirector.gvt1.com', 'update.googleapis.com', 'safe.googleapis.com'],
    ];
    const summary = new DenialSummary();
    for (const host of browser) summary.add(denied(host, 443, 'domain-not-allowed', { count: 3 }));
    summary.add(denied('www.google.com', 80, 'domain-not-allowed'));
    summary.add(denied('a.example', 443, 'domain-not-allowed'));
    summary.add(denied('x.google.com', 443, 'operator-denied'));
    // Anyone can have a name below googleapis.com.
    expect(summary.text()).toBe(
      [
        'jobgate refused:',
        '  a.example:443     once, domain-not-allowed: to allow it: --domain a.example',
        '  x.google.com:443  once, operator-denied: the operator of this node does not let jobs reach this host',
        '  and 6 others of google.com, googleapis.com, gvt1.com, domain-not-allowed: to allow them all: --domain .google.com --domain update.googleapis.com --domain safe.googleapis.com --domain redirector.gvt1.com',
        '',
      ].join('\n'),
    );
    // Each is in the rows.
    expect(summary.rows()).toHaveLength(9);
  });

  it('lists hosts of one domain where they are few', () => {
    const summary = new DenialSummary();
    for (const host of ['api.a.example', 'cdn.a.example'])
      summary.add(denied(host, 443, 'domain-not-allowed'));
    expect(summary.text()).toContain('--domain cdn.a.example\n');
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
