import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { startServe } from '../support/serve.js';
import { type Stage, startStage } from '../support/stage.js';

const HOST = 'budget.example.com';
const OTHER = 'other.example.com';
const get = (bytes: number, host = HOST) =>
  `curl -sS -m 60 -o /dev/null -w '%{http_code} %{http_connect} %{size_download} ' https://${host}/bytes/${bytes} 2>/dev/null; echo "rc=$?"`;

describeE2e('the budget of a job', () => {
  const cleanup = new Cleanup();
  let stage: Stage;
  beforeAll(async () => {
    stage = cleanup.use(await startStage({ [HOST]: {}, [OTHER]: { at: HOST } }));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('run --budget: what is within it comes whole, what is beyond is cut, and said', async () => {
    const options = ['--domain', HOST, '--rate', 'unlimited', '--budget', 'down=3MB'];
    const script = [get(1_000_000), get(5_000_000), get(10)].join('; ');
    const { stdout, stderr } = await stage.job(options, script);
    const [within, beyond, later] = stdout.trim().split('\n');
    expect(within).toBe('200 200 1000000 rc=0');
    expect(beyond).toMatch(/^200 200 \d+ rc=[1-9]/);
    expect(Number(beyond?.split(' ')[2])).toBeGreaterThan(1_500_000);
    expect(Number(beyond?.split(' ')[2])).toBeLessThan(2_000_000);
    expect(later).toMatch(/^000 429 0 rc=[1-9]/);
    expect(stderr).toContain('budget-used-up');
    const control = await stage.job(['--domain', HOST, '--rate', 'unlimited'], script);
    expect(control.stdout).toBe('200 200 1000000 rc=0\n200 200 5000000 rc=0\n200 200 10 rc=0\n');
  });

  it('host-down: one host is used up, and another is not', async () => {
    const options = ['--domain', HOST, '--domain', OTHER, '--rate', 'unlimited', '--budget', 'host-down=1MB'];
    const script = [get(2_000_000), get(10), get(500_000, OTHER)].join('; ');
    const { stdout } = await stage.job(options, script);
    const [beyond, later, other] = stdout.trim().split('\n');
    expect(beyond).toMatch(/^200 200 \d+ rc=[1-9]/);
    expect(later).toMatch(/^000 429 0/);
    expect(other).toBe('200 200 500000 rc=0');
  });

  it('outlives kill -9 of serve: what the container got before and gets after is its budget', async () => {
    const state = mkdtempSync(join(tmpdir(), 'jobgate-state-'));
    cleanup.add(() => rmSync(state, { recursive: true }));
    const serve = cleanup.use(
      await startServe(['--dns', stage.net.dns, '--rate', '20mbit', '--state-directory', state]),
    );
    const { body, status } = await serve.ask('/v1/gateways', {
      body: {
        jobId: `budget-${randomBytes(4).toString('hex')}`,
        network: { Domains: [HOST] },
        budget: 'down=6MB',
      },
    });
    expect(status).toBe(201);
    const name = `jobgate-test-${randomBytes(4).toString('hex')}`;
    cleanup.add(() => docker('rm', '-f', name));
    await docker('run', '-d', '--name', name, ...body.docker, JOB_IMAGE, 'sleep', '600');
    const fetch = async (bytes: number) => {
      const url = `http://${HOST}/bytes/${bytes}`;
      const args = ['curl', '-sS', '-m', '60', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', url];
      const { stdout } = await run('docker', ['exec', name, ...args]);
      const [code, size] = stdout.split(' ').map(Number);
      return { code, size: size ?? 0 };
    };
    const before = await fetch(2_000_000);
    expect(before).toEqual({ code: 200, size: 2_000_000 });
    await serve.kill();
    await serve.start();
    await expect.poll(async () => (await fetch(10)).code).toBe(200);
    const spent = (await serve.ask(`/v1/gateways/${body.id}`)).body.spent.down;
    expect(spent).toBeGreaterThanOrEqual(2_000_000);
    const after = await fetch(6_000_000);
    expect(after.size).toBeLessThanOrEqual(4_000_000);
    // A second's worth at most is counted that never came.
    expect(after.size).toBeGreaterThan(4_000_000 - 2_500_000 - 100_000);
    expect((await fetch(10)).code).toBe(429);
  });
});
