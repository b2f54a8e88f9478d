import { expect, it } from 'vitest';
import { domainEntry, entryFor, isCovered } from '../../../../src/service/page/app/entry-for.js';
import { rate, size, span } from '../../../../src/service/page/app/format.js';
import { LiveRates, minutesOf, ratesOf } from '../../../../src/service/page/app/history.js';
import { hostGroups } from '../../../../src/service/page/app/host-groups.js';

it.each([
  [rate(9_810_000), '9.81\u00a0Mbit/s'],
  [rate(0), '0\u00a0bit/s'],
  [rate(999_600), '1\u00a0Mbit/s'],
  [size(15_266_460), '15.3\u00a0MB'],
  [size(999), '999\u00a0B'],
  [span(-5), '0 s'],
  [span(185_000), '3 min'],
  [span(7_500_000), '2 h 5 min'],
  [span(300_000_000), '3 d'],
])('figures are as people read them: %s', (said, expected) => {
  expect(said).toBe(expected);
});

const HISTORY = {
  ...{ step: 10_000, from: '2026-03-04T13:00:50.000Z', up: [1, 2, 3], down: [10, 20, 30] },
  ...{ allowed: [0, 0, 0], denied: [1, 2, 4] },
};
const FIRST = Date.parse('2026-03-04T13:01:00Z') / 1000;

it('what came since follows what a server remembers, and nothing is there twice', () => {
  const live = { times: [FIRST + 15, FIRST + 25], up: [7, 8], down: [70, 80] };
  expect(ratesOf(HISTORY, live)).toEqual({
    times: [FIRST, FIRST + 10, FIRST + 20, FIRST + 25],
    up: [1, 2, 3, 8],
    down: [10, 20, 30, 80],
  });
  expect(ratesOf(undefined, live)).toEqual(live);
});

it('decisions are counted by the minute in which they were made', () => {
  expect(minutesOf(HISTORY)).toEqual({ times: [FIRST - 30, FIRST + 30], allowed: [0, 0], denied: [1, 6] });
});

it('rates are by the time that has passed; none goes below zero', () => {
  const rates = new LiveRates();
  rates.add(1_000, { up: 100, down: 1_000 });
  expect(rates.now).toBeUndefined();
  rates.add(3_000, { up: 100, down: 2_000 });
  rates.add(3_000, { up: 100, down: 9_000 });
  expect(rates.now).toEqual({ up: 0, down: 4_000 });
  rates.add(4_000, { up: 0, down: 0 });
  expect(rates.rates).toEqual({ times: [3, 4], up: [0, 0], down: [4_000, 0] });
});

it('hosts are by their domain; those that were allowed and refused are in both lists', () => {
  const line = (host: string, allowed: number, denied: Record<string, number>) => ({
    ...{ host, port: 443, allowed, denied, registrable: host.split('.').slice(-2).join('.') },
  });
  const { refused, allowed } = hostGroups([
    line('a.one.example', 0, { 'domain-not-allowed': 1 }),
    line('b.two.example', 3, { 'connect-failed': 2, 'dns-failed': 5 }),
    line('c.one.example', 0, { 'domain-not-allowed': 9 }),
  ]);
  expect(refused.map(({ domain, count, hosts }) => [domain, count, hosts.map(({ host }) => host)])).toEqual([
    ['one.example', 10, ['c.one.example', 'a.one.example']],
    ['two.example', 7, ['b.two.example']],
  ]);
  expect(refused[1]?.hosts[0]?.reasons).toEqual(['dns-failed', 'connect-failed']);
  expect(allowed.map(({ domain, count }) => [domain, count])).toEqual([['two.example', 3]]);
});

it.each([
  ['a name', 'a.example', 443, ['domain-not-allowed'], 'a.example'],
  ['a port of its own', 'a.example', 8443, ['domain-not-allowed'], 'a.example:8443'],
  ['a public address', '192.88.98.1', 443, ['domain-not-allowed'], '192.88.98.1'],
  ['what the operator has to allow as well', 'a.example', 22, ['port-not-allowed'], undefined],
  ['an address that is not public', '10.0.0.1', 80, ['domain-not-allowed'], undefined],
  ['what no entry helps', 'a.example', 443, ['connect-failed'], undefined],
  ['what was refused for several reasons', 'a.example', 443, ['domain-not-allowed', 'dns-failed'], undefined],
  ['no host', '<img>', 443, ['domain-not-allowed'], undefined],
])('the entry for %s', (_what, host, port, reasons, entry) => {
  expect(entryFor({ host, port }, reasons)).toBe(entry);
});

it.each([
  ['several names below', 'a.example', ['x.a.example', 'y.a.example'], '.a.example'],
  ['one name on two ports', 's3.amazonaws.com', ['s3.amazonaws.com', 's3.amazonaws.com'], undefined],
  ['one name below', 'a.example', ['a.example', 'x.a.example'], undefined],
  ['an address on two ports', '192.88.98.1', ['192.88.98.1', '192.88.98.1'], undefined],
  ['what the operator has to allow as well', 'example', ['x.example', '10.0.0.1'], undefined],
])('the entry for a domain: %s', (_what, domain, hosts, entry) => {
  const refused = hosts.map((host, i) => ({
    host,
    port: [80, 443][i] ?? 0,
    reasons: ['domain-not-allowed'],
  }));
  expect(domainEntry(domain, refused)).toBe(entry);
});

it.each([
  ['a.example', true],
  ['b.a.example', false],
  ['x.wide.example', true],
  ['.wide.example', true],
  ['.below.wide.example', true],
  ['notwide.example', false],
  ['c.example:8443', true],
  ['c.example', false],
  ['192.0.2.1', false],
])('%s is allowed by now: %s', (entry, expected) => {
  expect(isCovered(entry, new Set(['a.example', '.wide.example', 'c.example:8443']))).toBe(expected);
});
