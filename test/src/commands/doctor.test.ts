import { expect, it } from 'vitest';
import type { Finding } from '../../../src/doctor/finding.js';
import { cli } from '../../support/cli.js';
import { fakeEngine, json } from '../../support/fake-engine.js';

/** With an image and networks of whatever name. */
const answer = { Size: 1e8, Config: { User: '10213:10213' }, Driver: 'bridge', Internal: false, Options: {} };

it("doctor's words, JSON and exit code say the same, whatever one placement lacks", async () => {
  await using fake = await fakeEngine((_request, response) => json(response, answer));
  const engines = [fake.engine.endpoint.url, 'unix:///nowhere/docker.sock'];
  for (const [i, DOCKER_HOST] of engines.entries()) {
    const how = { env: { DOCKER_HOST } };
    const [table, machine] = await Promise.all([
      cli(['doctor', '--gateway', 'container'], how),
      cli(['doctor', '--gateway', 'container', '--json'], how),
    ]);
    const code = i === 0 ? 0 : 125;
    expect([table.code, machine.code], table.stdout).toEqual([code, code]);
    const findings = JSON.parse(machine.stdout) as Finding[];
    expect(findings.at(-1)).toMatchObject({ check: 'verdict', status: code === 0 ? 'ok' : 'fail' });
    expect(/^FAIL/m.test(table.stdout)).toBe(code !== 0);
    expect(table.stdout.trim().split('\n').at(-1)).toMatch(
      code === 0
        ? /^ok +verdict +HTTP jobs can be/
        : /^FAIL +verdict +HTTP jobs cannot be .*: engine, placement$/,
    );
    const lacking = findings.filter(({ status, placement }) => status === 'fail' && placement);
    expect(table.stdout.match(/^lack/gm) ?? []).toHaveLength(lacking.length);
  }
});
