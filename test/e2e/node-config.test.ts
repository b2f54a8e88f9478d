import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Finding } from '../../src/doctor/finding.js';
import { spec } from '../admission/jobs.js';
import { Cleanup } from '../support/cleanup.js';
import { cli } from '../support/cli.js';
import { describeE2e, JOB_IMAGE } from '../support/e2e.js';
import { startGate, type TestGate } from '../support/gate.js';
import { type Stage, startStage } from '../support/stage.js';

const NODE = join(import.meta.dirname, '../admission/reference/nodes/default-1.9.yaml');
const OURS = join(import.meta.dirname, 'node-config.gate.yaml');

describeE2e("the guide's first step: serve with the node's own file and one of its own", () => {
  const cleanup = new Cleanup();
  let stage: Stage;
  let gate: TestGate;
  beforeAll(async () => {
    stage = cleanup.use(await startStage({ 'example.com': {} }));
    gate = cleanup.use(await startGate('--dns', stage.net.dns, '--config', NODE, '--config', OURS));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('gives containers the domains of their labels, and no network to others', async () => {
    const get = ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', 'http://example.com/'];
    const label = ['--label', 'jobgate.domains=example.com'];
    expect(await gate.docker('run', '--rm', ...label, JOB_IMAGE, ...get)).toBe('200');
    const none = await gate.tryDocker(['run', '--rm', JOB_IMAGE, ...get]);
    expect(none.stderr).toContain('Could not resolve host');
  });

  it('tells the node what its jobs get', async () => {
    const verdict = async (Type: string) => {
      const { body } = await gate.serve.ask('/v1/admission', {
        body: { Job: spec({ Network: { Type } }) },
      });
      return body;
    };
    expect(await verdict('Default')).toMatchObject({
      shouldBid: true,
      reason: expect.stringContaining('Default networking, which is no network here'),
    });
    expect(await verdict('Host')).toMatchObject({
      shouldBid: false,
      reason: expect.stringContaining("that use the host's network, which its gate gives to none"),
    });
  });

  it('is what doctor sees', async () => {
    const { stdout } = await cli(['doctor', '--json', '--config', NODE, '--config', OURS]);
    const findings = JSON.parse(stdout) as Finding[];
    expect(findings.find(({ check }) => check === 'admission')?.detail).toMatch(
      /^networked jobs are accepted/,
    );
    const silent = join(import.meta.dirname, '../admission/reference/nodes/seed-silent.yaml');
    const without = JSON.parse((await cli(['doctor', '--json', '--config', silent])).stdout) as Finding[];
    expect(without.find(({ check }) => check === 'configuration')).toMatchObject({
      status: 'warn',
      detail: expect.stringContaining('set JobAdmissionControl.RejectNetworkedJobs'),
    });
  });
});
