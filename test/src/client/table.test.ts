import { describe, expect, it } from 'vitest';
import { type Summary, summary } from '../../../src/client/summary.js';
import { table } from '../../../src/client/table.js';
import { age, short } from '../../../src/client/units.js';

it.each([
  [0, '0'],
  [999, '999'],
  [999.6, '1.0k'],
  [1_000, '1.0k'],
  [9_940, '9.9k'],
  [9_960, '10k'],
  [999_499, '999k'],
  [999_500, '1.0M'],
  [10_000_000, '10M'],
  [108e9, '108G'],
  [2e15, '2.0P'],
  [2e18, '2000P'],
])('%d is %s', (value, text) => expect(short(value)).toBe(text));

it.each([
  [-5, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [3_600_000, '1h'],
  [47 * 3_600_000, '47h'],
  [48 * 3_600_000, '2d'],
])('%d ms are %s', (ms, text) => expect(age(ms)).toBe(text));

const NOW = Date.parse('2026-01-01T00:10:00Z');
const one = (job: string, more: Partial<Summary> = {}): Summary => ({
  ...{ job, state: 'open', created: '2026-01-01T00:00:00Z', refused: 0 },
  ...{ rate: { down: 0, up: 0 }, bytes: { down: 0, up: 0 } },
  ...more,
});

describe('the table of ps', () => {
  const busy = one('fetch-weather-from-the-north-pole', {
    rate: { down: 9_640_000, up: 12_000 },
    bytes: { down: 1_234_567_890, up: 3_400_000 },
    refused: 12,
    topRefused: { host: 'a-long-name-of-some-host.tracking.example.org', port: 443, count: 7 },
  });

  it('fits into 80 columns', () => {
    const text = table([busy, one('job-2', { state: 'ended', exitCode: 3 })], { now: NOW, columns: 80 });
    expect(text).toBe(
      [
        'JOB                STATE   AGE  BIT/S ↓/↑  BYTES ↓/↑  REFUSED  TOP REFUSED',
        'fetch-weather-fr…  open    10m  9.6M/12k   1.2G/3.4M  12       a-long-name-of-s…',
        'job-2              exit 3  10m  0/0        0/0        0',
        '',
      ].join('\n'),
    );
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('begins with the names that people gave, where there are any', () => {
    const named = { ...busy, name: 'Weather of the north pole, hourly' };
    const text = table([named, one('job-2')], { now: NOW, columns: 80 });
    expect(text).toBe(
      [
        'NAME         JOB          STATE  AGE  BIT/S ↓/↑  BYTES ↓/↑  REFUSED  TOP REFUSED',
        'Weather of…  fetch-weat…  open   10m  9.6M/12k   1.2G/3.4M  12       a-long-nam…',
        'job-2        job-2        open   10m  0/0        0/0        0',
        '',
      ].join('\n'),
    );
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('cuts nothing where it is not shown on a terminal', () => {
    expect(table([busy], { now: NOW })).toContain('a-long-name-of-some-host.tracking.example.org:443');
  });

  it('names the execution where several are of one job', () => {
    const text = table(
      [
        one('train', { execution: 'e-1' }),
        one('train', { execution: 'e-2' }),
        one('x', { execution: 'e-3' }),
      ],
      {
        now: NOW,
      },
    );
    expect(text).toMatch(/^train\/e-1 .*\ntrain\/e-2 .*\nx /m);
  });

  it('shows what a terminal would obey', () => {
    const topRefused = { host: 'evil\x1b[2J\u202e.net', port: 80, count: 1 };
    const text = table([one('a', { topRefused, name: 'a\x1b[2J' })], { now: NOW });
    expect(text).toContain('evil\\x1b[2J\\u202e.net:80');
    expect(text).toContain('a\\x1b[2J ');
  });

  it('has the host that was refused most, whatever the reasons', () => {
    const hosts = [
      { host: 'a.test', port: 443, allowed: 9, denied: { 'domain-not-allowed': 2 } },
      { host: 'b.test', port: 80, allowed: 0, denied: { 'domain-not-allowed': 1, 'port-not-allowed': 2 } },
    ];
    const figures = { up: 1, down: 2, now: { up: 3, down: 4 }, denied: 5, hosts };
    expect(summary({ job: 'j', gateway: { id: 'g', state: 'open', figures } as never })).toMatchObject({
      ...{ rate: { up: 3, down: 4 }, bytes: { up: 1, down: 2 }, refused: 5 },
      topRefused: { host: 'b.test', port: 80, count: 3 },
    });
  });
});
