import { expect } from 'vitest';
import type { State } from '../../src/verify/check.js';
import type { Report } from '../../src/verify/report.js';
import { cli } from './cli.js';

/** Runs `jobgate verify --json`. */
export async function verifyHere(args: readonly string[] = [], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await cli(['verify', '--json', ...args], { env });
  if (!stdout.startsWith('{')) throw new Error(`verify ended with ${code}: ${stderr}`);
  const report: Report = JSON.parse(stdout);
  const titles = (state: State, group = '') =>
    report.lines.filter((one) => one.state === state && one.group.includes(group)).map(({ title }) => title);
  return { code, report, titles };
}

/** That all of it was tried, and all of it held. */
export function expectHeld({ code, report }: Awaited<ReturnType<typeof verifyHere>>): void {
  expect(report.lines.filter(({ state }) => state !== 'held')).toEqual([]);
  expect(report).toMatchObject({ verdict: 'held' });
  expect(code).toBe(0);
  expect(report.lines.length).toBeGreaterThan(25);
  expect(report.lines.flatMap(({ tries }) => tries).length).toBeGreaterThan(150);
  expect(report.lines.filter(({ group }) => group === 'connections').length).toBeGreaterThan(0);
  expect(report.seconds).toBeLessThan(120);
}
