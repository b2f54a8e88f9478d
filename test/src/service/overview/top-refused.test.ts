import { describe, expect, it } from 'vitest';
import { parseEntry } from '../../../../proxy/policy/allowlist.js';
import type { HostFigures } from '../../../../proxy/report/figures.js';
import { registrable } from '../../../../src/service/overview/registrable.js';
import { TopRefused } from '../../../../src/service/overview/top-refused.js';

it.each([
  ['a.b.example.co.uk', 'example.co.uk'],
  ['example.com', 'example.com'],
  ['somebody.github.io', 'somebody.github.io'],
  ['deep.somebody.github.io', 'somebody.github.io'],
  ['github.io', 'github.io'],
  ['co.uk', 'co.uk'],
  ['localhost', 'localhost'],
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::7', '2001:db8::7'],
  ['<script>', '<script>'],
  ['', ''],
])('%s is of %s', (host, domain) => expect(registrable(host)).toBe(domain));

it.each([
  ...['a.b.example.co.uk', 'bucket.s3.amazonaws.com', 's3.amazonaws.com', 'x.github.io', 'www.ck', 'a.b.ck'],
  ...['x.y.compute.amazonaws.com', 'a.kawasaki.jp', 'city.kawasaki.jp', 'x.city.kawasaki.jp', 'co.uk'],
])('the domain of a name below it, as %s, is shared by nobody', (host) => {
  const domain = registrable(host);
  if (domain !== host) expect(parseEntry(`.${domain}`)).toMatchObject({ ok: true });
  if (domain !== host) expect(parseEntry(`.${domain}`).warning).toBeUndefined();
});

const figures = (hosts: readonly HostFigures[]) => ({
  denied: hosts.reduce((sum, { denied }) => sum + Object.values(denied).reduce((a, b) => a + b, 0), 0),
  hosts,
});
const topRefused = (gateways: readonly (readonly HostFigures[])[]) =>
  new TopRefused().list(new Map(gateways.map((hosts, i) => [`g${i}`, figures(hosts)])));

const refused = (host: string, count: number, reason = 'domain-not-allowed', port = 443): HostFigures => ({
  ...{ host, port, allowed: 0, denied: { [reason]: count } },
});

describe('what jobs were refused most', () => {
  it('is told by registrable domain, with hosts, jobs and reasons', () => {
    const fine = { host: 'fine.example.org', port: 443, allowed: 900, denied: {} };
    const top = topRefused([
      [refused('a.example.com', 3), refused('b.example.com', 2), fine],
      [refused('a.example.com', 1, 'port-not-allowed', 22), refused('192.0.2.7', 9)],
    ]);
    expect(top).toEqual([
      { domain: '192.0.2.7', hosts: 1, gateways: 1, count: 9, reasons: { 'domain-not-allowed': 9 } },
      {
        ...{ domain: 'example.com', hosts: 2, gateways: 2, count: 6 },
        reasons: { 'domain-not-allowed': 5, 'port-not-allowed': 1 },
      },
    ]);
  });

  it('is not pushed out by one job that asks for a million names', () => {
    const flood = Array.from({ length: 500 }, (_, i) => refused(`made-up-${i}.com`, 1_000_000));
    const honest = Array.from({ length: 12 }, (_, i) => [refused(`needed-${i}.org`, 2)]);
    const other = refused('other', 10_000_000, 'domain-not-allowed', 0);
    const domains = topRefused([[...flood, other], ...honest]).map(({ domain }) => domain);
    expect(domains.filter((domain) => domain.startsWith('needed-'))).toHaveLength(12);
    expect(domains).toHaveLength(17);
    expect(domains).not.toContain('other');
  });

  it('is not pushed out either where another job asks for the same once', () => {
    const names = Array.from({ length: 500 }, (_, i) => `made-up-${i}.com`);
    const top = topRefused([
      names.map((name) => refused(name, 1_000)),
      names.map((name) => refused(name, 1)),
      [refused('needed.org', 2)],
    ]);
    expect(top.map(({ domain }) => domain)).toContain('needed.org');
  });

  it('is twenty lines at most', () => {
    const all = Array.from({ length: 100 }, (_, i) => [refused(`needed-${i}.org`, 100 - i)]);
    const top = topRefused(all);
    expect(top).toHaveLength(20);
    expect(top[0]?.domain).toBe('needed-0.org');
  });

  it('is found a part at a time where there is very much, and all of it in the end', () => {
    const all = new TopRefused();
    const lines = (of: string, count = 1) =>
      figures(Array.from({ length: 500 }, (_, i) => refused(`${of}-${i}.com`, count)));
    const hosts = new Map(Array.from({ length: 100 }, (_, i) => [`g${i}`, lines(`a-${i}`)]));
    hosts.set('last', figures([refused('needed.org', 50)]));
    const has = () => all.list(hosts).some(({ domain }) => domain === 'needed.org');
    expect(has()).toBe(false);
    // What changes all the time does not come before what has never been looked at.
    for (let look = 0; look < 4; look++) {
      for (let i = 0; i < 20; i++) hosts.set(`g${i}`, lines('b', look + 2));
      has();
    }
    expect(has()).toBe(true);
    expect(all.list(new Map([['g0', lines('c', 9)]])).map(({ gateways }) => gateways)).toEqual([
      1, 1, 1, 1, 1,
    ]);
  });

  it('is forgotten with its gateway', () => {
    const all = new TopRefused();
    const kept = figures([refused('kept.org', 1)]);
    const gone = figures([refused('gone.org', 1)]);
    all.list(
      new Map([
        ['a', gone],
        ['b', kept],
      ]),
    );
    expect(all.list(new Map([['b', kept]]))).toMatchObject([{ domain: 'kept.org' }]);
  });
});
