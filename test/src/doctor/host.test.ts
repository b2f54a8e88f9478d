import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bridgeSettings, hostEnd, otherFirewalls, privileges } from '../../../src/doctor/host.js';
import { run } from '../../support/e2e.js';
import { projectRoot } from '../../support/engine.js';

const folder = mkdtempSync(join(tmpdir(), 'jobgate-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what doctor could not read is told as that', () => {
  it('settings of bridges: not there, not allowed, read-only', async () => {
    const file = join(folder, 'forwarding');
    expect(bridgeSettings(file)).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('ENOENT'),
      fix: 'mount /proc',
    });
    writeFileSync(file, '0');
    expect(bridgeSettings(file)).toMatchObject({ status: 'ok' });
    expect(bridgeSettings('/proc/self/cmdline')).not.toMatchObject({
      detail: expect.stringContaining('read-only'),
    });
  });

  it.skipIf(process.getuid?.() !== 0)('as another user', async () => {
    const script = `
      import { bridgeSettings, otherFirewalls } from '${projectRoot}src/doctor/host.ts';
      process.setuid(65534);
      console.log(JSON.stringify([bridgeSettings(), otherFirewalls({ ufw: process.argv[1] })]));`;
    const ufw = join(folder, 'ufw.conf');
    writeFileSync(ufw, 'ENABLED=yes\n', { mode: 0o600 });
    expect(otherFirewalls({ ufw })).toMatchObject({ status: 'warn', detail: expect.stringMatching(/^ufw/) });
    const { stdout, stderr } = await run(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script, ufw],
      { cwd: projectRoot },
    );
    expect(JSON.parse(stdout || '[]'), stderr).toEqual([
      {
        check: 'bridge settings',
        status: 'fail',
        detail: 'this user may not write /proc/sys/net, and bridges cannot be hardened',
        fix: 'run as root',
      },
      {
        check: 'other firewalls',
        status: 'warn',
        detail: expect.stringMatching(/^cannot be told: EACCES.*ufw\.conf/),
        fix: 'run as root',
      },
    ]);
  });

  it('capabilities', () => {
    expect(privileges('')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('/proc/self/status'),
    });
    expect(privileges('CapEff:\t0000000000000000\n')).toMatchObject({
      detail: expect.stringContaining('no CAP_NET_ADMIN'),
    });
    expect(privileges('CapEff:\t000001ffffffffff\n')).toMatchObject({ status: 'ok' });
  });
});

it('the host’s end of bridges is open where rp_filter is 0 and may not be set', () => {
  const set = (all: string, other: string | undefined) => {
    const settings = mkdtempSync(join(folder, 'conf-'));
    for (const name of ['all', 'default']) mkdirSync(join(settings, name));
    writeFileSync(join(settings, 'all/rp_filter'), all);
    if (other) writeFileSync(join(settings, 'default/rp_filter'), other);
    return settings;
  };
  const open = { check: 'host end', status: 'warn', fix: expect.stringContaining('default.rp_filter=2') };
  expect(hostEnd(true, set('0\n', undefined))).toMatchObject(open);
  expect(hostEnd(undefined, set('0\n', undefined))).toMatchObject(open);
  expect(hostEnd(true, set('0\n', '2\n'))).toMatchObject({ status: 'ok' });
  expect(hostEnd(true, set('1\n', '0\n'))).toMatchObject({ status: 'ok' });
  expect(hostEnd(false, set('1\n', '1\n'))).toMatchObject({
    ...open,
    detail: expect.stringContaining('elsewhere'),
  });
});
