import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Figures } from '../../../proxy/report/figures.js';
import { FigureReports } from '../../../proxy/worker/figure-reports.js';
import type { PartialFigures } from '../../../proxy/worker/link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const nothing: Figures = {
  ...{ up: 0, down: 0, connections: 0, tunnels: 0, requests: 0, allowed: 0, denied: 0 },
  throttledMs: { up: 0, down: 0 },
  hosts: [],
};

it('tells figures soon after a decision, each second while bytes flow, and nothing else', () => {
  let figures = nothing;
  let accepts = true;
  const told: PartialFigures[] = [];
  const reports = new FigureReports(
    () => figures,
    (report) => {
      if (accepts) told.push(report);
      return accepts;
    },
  );
  vi.advanceTimersByTime(1_000);
  expect(told.splice(0)).toHaveLength(1);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual([]);

  const hosts = [{ host: 'a.test', port: 80, allowed: 1, denied: {} }];
  figures = { ...nothing, allowed: 1, hosts };
  for (let i = 0; i < 100; i++) reports.changed();
  vi.advanceTimersByTime(50);
  expect(told.splice(0)).toEqual([figures]);

  figures = { ...figures, up: 10 };
  vi.advanceTimersByTime(1_000);
  expect(told).toHaveLength(1);
  expect(told.splice(0)[0]).not.toHaveProperty('hosts');

  // What went nowhere is told again, with its hosts.
  accepts = false;
  figures = { ...figures, denied: 1 };
  reports.changed();
  vi.advanceTimersByTime(50);
  accepts = true;
  reports.last();
  expect(told.splice(0)).toEqual([figures]);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
