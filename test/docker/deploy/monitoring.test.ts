import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { APT_MS } from '../../support/apt.js';
import { debianBinary } from '../../support/debian-binary.js';
import { projectRoot } from '../../support/engine.js';
import { ask } from '../../support/serve.js';
import { ALL_PARTS, startService } from '../../support/service.js';

const FOLDER = 'docker/deploy/monitoring';
const TRIED = 'test/docker/deploy/alerts.yaml';
const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
}
const rules: Rule[] = parse(read(`${FOLDER}/alerts.yaml`)).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);

/** Every expression of the dashboard, wherever it is. */
function expressions(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(expressions);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    typeof one === 'string' && (key === 'expr' || key === 'query') ? [one] : expressions(one),
  );
}

async function metrics(): Promise<string> {
  await using served = await startService({}, { parts: ALL_PARTS });
  return (await ask(served.port, '/metrics')).body;
}

describe('what Prometheus and Grafana are given', () => {
  let promtool: string | undefined;
  beforeAll(async () => {
    promtool = await debianBinary('promtool');
  }, APT_MS);
  const tool = (args: string[], input = '') => {
    const { status, stdout, stderr } = spawnSync(promtool ?? '', args, {
      cwd: projectRoot,
      encoding: 'utf8',
      input,
    });
    return { status, said: stdout + stderr };
  };

  it('is metrics that promtool has nothing to say of', async (context) => {
    if (promtool === undefined) return context.skip('promtool cannot be had here');
    const text = await metrics();
    expect(tool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
    // It has of what is wrong.
    const wrong = text.replaceAll('jobgate_worker_deaths_total', 'jobgate_worker_deaths');
    expect(tool(['check', 'metrics'], wrong).said).toContain('jobgate_worker_deaths');
  });

  it('is rules each of which fires, and does not while all is well', (context) => {
    if (promtool === undefined) return context.skip('promtool cannot be had here');
    expect(tool(['check', 'rules', `${FOLDER}/alerts.yaml`])).toMatchObject({ status: 0 });
    expect(tool(['test', 'rules', TRIED])).toMatchObject({ status: 0 });
    type Tried = { alertname: string; exp_alerts: unknown[] };
    const tried: Tried[] = parse(read(TRIED)).tests.flatMap(
      ({ alert_rule_test }: { alert_rule_test: Tried[] }) => alert_rule_test,
    );
    for (const { alert } of rules) {
      const outcomes = tried.filter(({ alertname }) => alertname === alert);
      expect([alert, outcomes.map(({ exp_alerts }) => exp_alerts.length).sort()]).toEqual([alert, [0, 1]]);
    }
  });

  it('asks for metrics and label values that there are', async () => {
    const text = await metrics();
    const there = new Set(
      [...text.matchAll(/^# TYPE (\w+) (\w+)/gm)].map(([, name, type]) =>
        type === 'histogram' ? `${name}_bucket` : name,
      ),
    );
    const asked = [
      ...rules.map(({ expr }) => expr),
      ...expressions(JSON.parse(read(`${FOLDER}/dashboard.json`))),
    ];
    expect(asked.length).toBeGreaterThan(30);
    const names = new Set(asked.flatMap((one) => one.match(/\b(?:jobgate|process)_\w+/g) ?? []));
    expect([...names].filter((name) => !there.has(name))).toEqual([]);
    // `up` and `instance` are Prometheus' own.
    for (const one of asked)
      for (const [, name, value] of one.matchAll(/(\w+)="([^"$]+)"/g))
        if (name !== 'job') expect(text).toContain(`${name}="${value}"`);
  });
});
