import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Dockerode from 'dockerode';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli, JOB_IMAGE, runJob, startCli } from '../support/cli.js';
import { describeE2e } from '../support/e2e.js';

describeE2e('jobgate run', () => {
  const docker = () => new Dockerode();
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'jobgate-run-'));
    chmodSync(dir, 0o755); // the job has another user
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const containers = async () => (await docker().listContainers({ all: true })).map(({ Names }) => Names[0]);

  it("streams stdout and stderr apart and ends with the job's exit code", async () => {
    const result = await runJob([], 'echo out; echo err >&2; exit 7');
    expect(result).toMatchObject({ code: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  it('gives stdin with -i, and not without', async () => {
    expect((await runJob(['-i'], 'cat', { stdin: 'hello' })).stdout).toBe('hello');
    expect((await runJob([], 'cat; echo end', { stdin: 'hello' })).stdout).toBe('end\n');
  });

  it('passes 4 MiB through stdin and stdout whole', async () => {
    const text = 'x'.repeat(4 << 20);
    const result = await runJob(['-i'], 'cat', { stdin: text });
    expect(result.stdout.length).toBe(text.length);
  });

  it('carries environment, directory, user, entrypoint, mounts and limits', async () => {
    writeFileSync(join(dir, 'in.txt'), 'mounted');
    const options = [
      '-e',
      'A=b c',
      '-e',
      'FROM_HERE',
      '-w',
      '/tmp',
      '-u',
      '1000',
      '-v',
      `${dir}:/data:ro`,
      '--memory',
      '64m',
    ];
    const script =
      'echo "$A|$FROM_HERE|$PWD|$(id -u)|$(cat /data/in.txt)"; echo x >/data/in.txt || echo read-only';
    const result = await runJob(options, script, { env: { FROM_HERE: 'here' } });
    expect(result.stdout).toBe('b c|here|/tmp|1000|mounted\nread-only\n');
    expect(readFileSync(join(dir, 'in.txt'), 'utf8')).toBe('mounted');
    const other = await cli(['run', '--pull', 'never', '--entrypoint', 'echo', JOB_IMAGE, '-n', 'a', '--b']);
    expect(other.stdout).toBe('a --b');
  });

  it('--timeout ends the job with 124', async () => {
    const before = await containers();
    const result = await runJob(['--timeout', '1s'], 'trap "" TERM; echo started; sleep 60 & wait');
    expect(result.code).toBe(124);
    expect(result.stdout).toBe('started\n');
    expect(await containers()).toEqual(before);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s stops the job, which may clean up, and ends with %i', async (signal, code) => {
    const before = await containers();
    const run = startCli([
      'run',
      '--pull',
      'never',
      JOB_IMAGE,
      'bash',
      '-c',
      'trap "echo bye; exit 0" TERM; echo up; sleep 60 & wait',
    ]);
    await run.printed('up');
    run.child.kill(signal);
    const result = await run.done;
    expect(result).toMatchObject({ code, stdout: 'up\nbye\n' });
    expect(await containers()).toEqual(before);
  });

  it('a second signal does not wait for the grace period', async () => {
    const run = startCli([
      'run',
      '--pull',
      'never',
      JOB_IMAGE,
      'bash',
      '-c',
      'trap "" TERM; echo up; while :; do sleep 1; echo tick; done',
    ]);
    await run.printed('up');
    run.child.kill('SIGTERM');
    // Docker's grace period is ten seconds: what the job says of each of its seconds tells how much of it was given.
    setTimeout(() => run.child.kill('SIGTERM'), 200);
    const { code, stdout } = await run.done;
    expect(code).toBe(143);
    expect(stdout.match(/tick/g)?.length ?? 0).toBeLessThan(8);
  });

  it('a command that cannot be started ends with 127 and one line, and leaves no container', async () => {
    const before = await containers();
    const result = await cli(['run', '--pull', 'never', JOB_IMAGE, '/does/not/exist']);
    expect(result.code).toBe(127);
    expect(result.stderr).toMatch(/^jobgate: image .* cannot start its command.*\n$/);
    expect(await containers()).toEqual(before);
  });
});

describeE2e('network types without a proxy', () => {
  const interfaces = 'ls /sys/class/net | sort | tr "\\n" " "';

  it('a command line that names no network has none', async () => {
    expect((await runJob([], interfaces)).stdout).toBe('lo ');
    expect((await runJob(['--network', 'none'], interfaces)).stdout).toBe('lo ');
  });

  it("bridge and default are Docker's bridge", async () => {
    expect((await runJob(['--network', 'bridge'], interfaces)).stdout).toContain('eth0');
    expect((await runJob(['--network', 'Default'], interfaces)).stdout).toContain('eth0');
  });

  it.each(['host', 'full'])("%s is the host's", async (type) => {
    expect((await runJob(['--network', type], interfaces)).stdout).toContain('docker0');
  });

  it('on a node that rejects networked jobs default is none, and others are refused before anything is made', async () => {
    const env = { JOBGATE_REJECT_NETWORKED_JOBS: 'true' };
    expect((await runJob(['--network', 'default'], interfaces, { env })).stdout).toBe('lo ');
    for (const options of [
      ['--network', 'bridge'],
      ['--network', 'host'],
      ['--domain', 'example.com'],
    ]) {
      const result = await runJob(options, 'true', { env: { ...env, DOCKER_HOST: 'unix:///nowhere.sock' } });
      expect(result.code, options.join(' ')).toBe(77);
      expect(result.stderr).toMatch(/does not accept/);
    }
  });
});
