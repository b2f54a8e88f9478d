import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cliHere } from '../../support/cli-here.js';
import { projectRoot } from '../../support/engine.js';

const UNITS = ['jobgate.service', 'jobgate-lockdown.service'];
/** By its name alone, wherever npm has put it: systemd looks for it where root's commands are. */
const START = 'ExecStart=jobgate ';
const unit = (name: string) => readFileSync(join(projectRoot, 'docker/deploy/systemd', name), 'utf8');
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

it.skipIf(!hasSystemd)('systemd takes the units without a complaint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-units-'));
  try {
    const files = UNITS.map((name) => {
      const file = join(folder, name);
      // A program that this machine has.
      writeFileSync(file, unit(name).replace(START, 'ExecStart=sh '));
      return file;
    });
    const verified = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
    expect({ status: verified.status, said: verified.stderr + verified.stdout }).toEqual({
      status: 0,
      said: '',
    });
    // What is nowhere there is missed.
    writeFileSync(
      files[0] as string,
      unit(UNITS[0] as string).replace(START, 'ExecStart=jobgate-of-nobody '),
    );
    expect(spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' }).stderr).toContain(
      'jobgate-of-nobody',
    );
    // A typing error is one: the check sees something.
    writeFileSync(files[0] as string, unit(UNITS[0] as string).replace('LimitNOFILE', 'LimitNOFILES'));
    expect(spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' }).stderr).toContain(
      'LimitNOFILES',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.skipIf(!hasSystemd)("systemd takes an ordinary user's unit without a complaint", () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-units-'));
  try {
    const file = join(folder, 'jobgate.service');
    writeFileSync(file, unit('user/jobgate.service').replace('%h/.local/bin/jobgate', process.execPath));
    const env = { ...process.env, XDG_RUNTIME_DIR: folder };
    const verified = spawnSync('systemd-analyze', ['verify', '--user', file], { encoding: 'utf8', env });
    expect({ status: verified.status, said: verified.stderr + verified.stdout }).toEqual({
      status: 0,
      said: '',
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each([...UNITS, 'user/jobgate.service'])('%s starts jobgate with options that it has', async (name) => {
  const [, line = ''] = /^ExecStart=(?:\S*\/bin\/)?jobgate (.*)$/m.exec(unit(name)) ?? [];
  expect(line).not.toBe('');
  const { stdout: help } = await cliHere([line.split(' ')[0] ?? '', '--help']);
  for (const option of line.match(/--[a-z-]+/g) ?? []) expect(help).toContain(option);
});
