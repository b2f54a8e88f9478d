import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/config/load.js';
import { changeBody, changed } from '../../../../src/service/policy/change-request.js';
import { isWider, type LivePolicy } from '../../../../src/service/policy/live-policy.js';
import { growth } from '../../../support/growth.js';

const config = await loadConfig({ env: {} });
const body = changeBody(config);
const NOW = Date.parse('2030-01-01T00:00:00Z');
const HOUR = 3_600_000;

const policy: LivePolicy = {
  revision: 3,
  allow: [{ domain: 'a.test' }, { domain: '.b.test' }, { domain: 'c.test', expires: NOW + HOUR }],
  deny: ['x.b.test'],
  rate: 1_000_000,
};

const change = (request: object, of = policy) => changed(of, body.parse(request), { config, now: NOW });
const domains = (one: LivePolicy) =>
  one.allow.map(({ domain, expires }) =>
    expires === undefined ? domain : `${domain} +${(expires - NOW) / HOUR} h`,
  );

describe('a change', () => {
  it.each<[string, object, string[], string[]]>([
    ['of the whole list', { domains: ['Z.test.', 'a.test', 'a.test'] }, ['z.test', 'a.test'], ['x.b.test']],
    ['of the whole list keeps ends', { domains: ['c.test'] }, ['c.test +1 h'], ['x.b.test']],
    ['of an end', { domains: [{ domain: 'c.test', expires: '2h' }] }, ['c.test +2 h'], ['x.b.test']],
    ['of an end to none', { domains: [{ domain: 'c.test', expires: null }] }, ['c.test'], ['x.b.test']],
    ['that adds', { allow: ['z.test'] }, ['a.test', '.b.test', 'c.test +1 h', 'z.test'], ['x.b.test']],
    ['that adds for good', { allow: ['c.test'] }, ['a.test', '.b.test', 'c.test'], ['x.b.test']],
    [
      'that adds until then',
      { allow: [{ domain: 'a.test', expires: '2030-01-01T03:00:00+02:00' }] },
      ['a.test +1 h', '.b.test', 'c.test +1 h'],
      ['x.b.test'],
    ],
    ['that denies an entry', { deny: ['a.test'] }, ['.b.test', 'c.test +1 h'], ['x.b.test', 'a.test']],
    [
      'that denies a part',
      { deny: ['b.test'] },
      ['a.test', '.b.test', 'c.test +1 h'],
      ['x.b.test', 'b.test'],
    ],
    [
      'that denies a port',
      { deny: ['a.test:443'] },
      ['a.test', '.b.test', 'c.test +1 h'],
      ['x.b.test', 'a.test:443'],
    ],
    ['that denies all below', { deny: ['.test'] }, [], ['x.b.test', '.test']],
    [
      'that takes a denial back',
      { allow: ['x.b.test'] },
      ['a.test', '.b.test', 'c.test +1 h', 'x.b.test'],
      [],
    ],
    ['of all that is denied', { denied: ['c.test'] }, ['a.test', '.b.test'], ['c.test']],
    ['to nothing', { domains: [], denied: [] }, [], []],
  ])('%s', (_, request, allow, deny) => {
    const next = change(request);
    expect({ allow: domains(next), deny: next.deny, revision: next.revision }).toEqual({
      allow,
      deny,
      revision: 4,
    });
  });

  it.each<[string, object]>([
    ['allows what stays denied', { allow: ['y.b.test'], deny: ['.b.test'] }],
    ['allows what it denies', { allow: ['a.test'], deny: ['a.test'] }],
    ['lists what is denied', { domains: ['x.b.test'] }],
    ['ends before it begins', { expires: '2029-12-31T23:59:59Z' }],
  ])('is refused where it %s', (_, request) => {
    expect(() => change(request)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
  });

  it('leaves out what has ended by then, unless it names that anew', () => {
    const late = changed(policy, body.parse({ domains: ['c.test'] }), { config, now: NOW + 2 * HOUR });
    expect(late.allow).toEqual([{ domain: 'c.test' }]);
    const other = changed(policy, body.parse({ rate: '1mbit' }), { config, now: NOW + 2 * HOUR });
    expect(other.allow.map(({ domain }) => domain)).toEqual(['a.test', '.b.test']);
  });

  const many = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, i) => `${prefix}${i}.test`);

  it('takes time that grows with its length only', async () => {
    const work = (size: number) => () =>
      changed(policy, body.parse({ domains: many(10 * size, 'a'), denied: many(size, 'd') }), {
        config,
        now: NOW,
      });
    expect(await growth(work, 100, 800)).toBeLessThan(8 * 1.6);
  });

  it('has a limit', () => {
    const next = change({ domains: many(10_000, 'a') });
    expect(next.allow).toHaveLength(10_000);
    expect(body.safeParse({ domains: many(10_001, 'a') }).success).toBe(false);
    expect(body.safeParse({ deny: many(1_001, 'd') }).success).toBe(false);
    expect(() => change({ allow: ['new.test'] }, next)).toThrow('more than 10000 entries in all');
    const denied = { ...policy, deny: many(1_000, 'd') };
    expect(() => change({ deny: ['new.test'] }, denied)).toThrow('more than 1000 entries in all');
  });
});

describe('a policy is wider than another', () => {
  it.each<[string, Partial<LivePolicy>, boolean]>([
    ['that is the same', {}, false],
    ['of which it has a part', { allow: policy.allow.slice(1) }, false],
    ['that lacks an entry', { allow: [...policy.allow, { domain: 'z.test' }] }, true],
    ['in which an entry ends sooner', { allow: [{ domain: 'c.test', expires: NOW + 2 * HOUR }] }, true],
    ['in which an entry ends later', { allow: [{ domain: 'a.test', expires: NOW }] }, false],
    ['that denies more', { deny: [] }, true],
    ['that denies less', { deny: [...policy.deny, 'a.test'] }, false],
    ['that is slower', { rate: null }, true],
    ['that is faster', { rate: 8_000 }, false],
    ['that does not end', { expires: NOW }, false],
  ])('%s', (_, more, expected) => {
    expect(isWider(policy, { ...policy, ...more })).toBe(expected);
  });

  it('that ends sooner', () => {
    expect(isWider({ ...policy, expires: NOW }, policy)).toBe(true);
    expect(isWider({ ...policy, expires: NOW }, { ...policy, expires: NOW - 1 })).toBe(false);
  });
});
