import { expect, it } from 'vitest';
import type { Finding } from '../../src/doctor/finding.js';
import { cli } from '../support/cli.js';
import { describeE2e } from '../support/e2e.js';
import { placement } from '../support/placement.js';

describeE2e('jobgate doctor', () => {
  const doctor = async (args: string[] = [], env: Record<string, string> = {}) => {
    const { code, stdout } = await cli(['doctor', '--json', ...args], { env });
    const findings = JSON.parse(stdout) as Finding[];
    const of = (check: string, where?: string) =>
      findings.find((finding) => finding.check === check && finding.placement === where);
    return { code, findings, of };
  };

  it('shows both placements, each with what it needs', async () => {
    const { code, findings, of } = await doctor();
    expect(code).toBe(0);
    const checks = (where: string) => findings.filter((f) => f.placement === where).map(({ check }) => check);
    expect(checks('host')).toEqual(
      expect.arrayContaining(['engine here', 'privileges', 'firewall tools', 'lock-down', 'kernel']),
    );
    expect(checks('container')).toEqual(['engine API', 'image', 'outside network', 'servers', 'host end']);
    expect(findings.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(of('placement')?.detail).toContain(placement === 'host' ? 'on the host' : 'in containers');
    expect(of('image', 'container')?.detail).toMatch(/^jobgate:\S+, \d+ MB, user 10213:10213$/);
    for (const check of ['engine', 'subnet pool', 'open files', 'node addresses', 'egress', 'admission']) {
      expect(of(check), check).toBeDefined();
    }
  });

  it('says what mends a placement, and fails only where no placement is left', async () => {
    const missing = { JOBGATE_GATEWAY_IMAGE: 'missing.invalid/x:1' };
    const auto = await doctor(['--gateway', 'auto'], missing);
    expect(auto.of('image', 'container')).toMatchObject({ status: 'fail', fix: 'jobgate image' });
    expect(auto.of('placement')).toMatchObject({ status: 'ok' });
    expect(auto.code).toBe(0);
    const container = await doctor(['--gateway', 'container'], missing);
    expect(container.of('placement')).toMatchObject({ status: 'fail' });
    expect(container.of('placement')?.fix).toContain('--gateway host');
    expect(container.code).toBe(125);
    const neither = await doctor([], { DOCKER_HOST: 'unix:///nowhere/docker.sock' });
    expect(neither.of('placement')?.status).toBe('fail');
    expect(neither.code).toBe(125);
  });
});
