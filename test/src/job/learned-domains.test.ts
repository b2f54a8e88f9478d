import { expect, test } from 'vitest';
import { LearnedDomains } from '../../../src/job/learned-domains.js';

test('the list is what was used, collapsed, ready to paste', () => {
  const learned = new LearnedDomains(['.example.com', 'unused.example.net', 'api.example.org:8443']);
  const base = {
    v: 1,
    type: 'decision',
    time: 0,
    job: 'j',
    connection: 1,
    method: 'GET',
    how: 'proxy',
    client: '',
    ms: 0,
  } as const;
  const allow = (host: string, port = 443, more: { learned?: true } = {}) =>
    learned.add({ ...base, ...more, host, port, decision: 'allow', reason: 'allowed' });
  expect(learned.text()).toContain('reached no host');
  allow('www.example.com');
  allow('api.example.org', 8443);
  allow('cdn.example.net', 443, { learned: true });
  allow('cdn.example.net', 80, { learned: true });
  allow('2001:db8::1', 443, { learned: true });
  learned.add({ ...base, host: 'refused.test', port: 443, decision: 'deny', reason: 'operator-denied' });
  expect(learned.list()).toEqual(
    ['.example.com', '2001:db8::1', 'api.example.org:8443', 'cdn.example.net'].sort(),
  );
  expect(learned.text()).toContain('--domain .example.com --domain');
  expect(learned.text()).toContain('Domains: [');
});
