import { expect, it } from 'vitest';
import type { ProxyEvent } from '../../proxy/report/events.js';
import type { Figures } from '../../proxy/report/figures.js';
import { Ledger } from './ledger.js';

const event = (type: 'closed' | 'decision', connection: number, more: object = {}) =>
  ({
    type,
    connection,
    decision: 'allow',
    method: 'CONNECT',
    host: 'a.test',
    port: 443,
    ...more,
  }) as ProxyEvent;
const figures = (allowed: number) =>
  ({ connections: 0, tunnels: 0, requests: 0, allowed, denied: 0 }) as Figures;

const reports = (allowed: number, ...events: ProxyEvent[]) => {
  const all: string[] = [];
  const ledger = new Ledger((problem) => all.push(problem));
  for (const one of events) ledger.add(one);
  ledger.check(figures(allowed));
  return all;
};

it('flows that were allowed and have ended are fine, in whichever order they are told, a flood as one', () => {
  expect(reports(1, event('decision', 1), event('closed', 1))).toEqual([]);
  expect(reports(1, event('closed', 1), event('decision', 1))).toEqual([]);
  const flood = [event('decision', 9, { count: 3 }), event('closed', 7), event('closed', 8, { count: 2 })];
  expect(reports(3, ...flood)).toEqual([]);
});

it('one that did not end, or was not allowed, is told', () => {
  expect(reports(1, event('decision', 1))).toMatchObject([
    expect.stringContaining('1 CONNECT a.test:443 (1)'),
  ]);
  expect(reports(0, event('closed', 1))).toMatchObject([
    expect.stringContaining('1 CONNECT a.test:443 (-1)'),
  ]);
  expect(reports(1, event('decision', 1), event('closed', 2))).toHaveLength(1);
  expect(reports(2, event('decision', 1), event('closed', 1))).toHaveLength(1);
});
