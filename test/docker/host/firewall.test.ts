import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FirewallError, Iptables } from '../../../docker/host/firewall.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobgate-firewall-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A command in place of iptables' own. */
function command(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

const iptables = () => new Iptables({ PATH: `${folder}:/bin:/usr/bin` });

describe('the iptables commands', () => {
  it('are asked for all rules of a family', async () => {
    command('iptables-save', 'echo four "$@"');
    command('ip6tables-save', 'echo six "$@"');
    expect(await iptables().save(4)).toBe('four\n');
    expect(await iptables().save(6)).toBe('six\n');
  });

  it('never empty the firewall, and wait for its lock', async () => {
    const seen = join(folder, 'seen');
    command('ip6tables-restore', `echo "$@" >${seen}; cat >>${seen}`);
    await iptables().restore(6, '*filter\nCOMMIT\n');
    expect(readFileSync(seen, 'utf8')).toBe('--noflush --wait 5\n*filter\nCOMMIT\n');
  });

  it('speak English, and are found where a user’s PATH has no folders of system commands', async () => {
    command('iptables-save', 'echo "$LC_ALL" "$PATH" "$KEPT"');
    vi.stubEnv('PATH', `${folder}:/bin`);
    vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
    vi.stubEnv('KEPT', 'kept');
    expect(await new Iptables().save(4)).toBe(`C ${folder}:/bin:/usr/sbin:/sbin kept\n`);
  });

  it('that fail are told with what they said, and with how they were called where they said nothing', async () => {
    command('iptables-save', 'echo bad rule >&2; exit 2');
    await expect(iptables().save(4)).rejects.toThrow(/^iptables-save failed: bad rule$/);
    command('iptables-save', 'exit 2');
    await expect(iptables().save(4)).rejects.toThrow(
      /^iptables-save failed: Command failed: iptables-save *$/,
    );
  });

  it('that the kernel ends for want of memory have said nothing of the rules', async () => {
    command('iptables-save', 'kill -9 $$');
    await expect(iptables().save(4)).rejects.toMatchObject({ kind: 'starved' });
  });

  it('that are missing are to be installed', async () => {
    await expect(new Iptables({ PATH: folder }).save(4)).rejects.toMatchObject({
      kind: 'missing',
      message: expect.stringContaining('apt-get install iptables'),
    });
  });

  it.each([
    [
      4,
      'iptables-restore v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)',
      'privilege',
      'AmbientCapabilities=CAP_NET_ADMIN',
    ],
    [4, "Fatal: can't open lock file /run/xtables.lock: Permission denied", 'privilege', 'XTABLES_LOCKFILE'],
    [
      4,
      'Another app is currently holding the xtables lock; still 0s 0us time ahead to have a chance to grab the lock...',
      'busy',
      'busy',
    ],
    [
      4,
      'iptables-restore v1.8.9 (nf_tables): line 3: RULE_INSERT failed (Device or resource busy): rule in chain INPUT',
      'busy',
      'busy',
    ],
    [2, 'iptables-restore v1.8.9 (nf_tables): unknown option "--x"', 'failed', 'unknown option'],
  ])('that end with %i saying %j are read', async (code, said, kind, todo) => {
    command('iptables-restore', `cat >/dev/null; echo ${JSON.stringify(said)} >&2; exit ${code}`);
    const error: FirewallError = await iptables()
      .restore(4, '')
      .then(
        () => expect.fail('it passed'),
        (thrown) => thrown,
      );
    expect(error).toBeInstanceOf(FirewallError);
    expect(error.kind).toBe(kind);
    expect(error.message).toContain(todo);
    expect(error.message).not.toContain('\n');
  });
});
