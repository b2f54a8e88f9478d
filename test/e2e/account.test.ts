import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountSchema } from '../../src/account/account.js';
import { Cleanup } from '../support/cleanup.js';
import { startCli } from '../support/cli.js';
import { describeE2e, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate } from '../support/gate.js';
import { writeKeyPair } from '../support/signing-key.js';
import { type Stage, startStage } from '../support/stage.js';

const HOST = 'account.example.com';

describeE2e('the account of a job', () => {
  const cleanup = new Cleanup();
  let stage: Stage;
  let folder: string;
  beforeAll(async () => {
    stage = cleanup.use(await startStage({ [HOST]: {} }));
    folder = mkdtempSync(join(tmpdir(), 'jobgate-account-'));
    cleanup.add(() => rmSync(folder, { recursive: true }));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('run --account: what the job reached, what was refused and how it exited, signed', async () => {
    const { key, pub } = writeKeyPair(folder);
    const file = join(folder, 'account.json');
    const script = `curl -sS -o /dev/null https://${HOST}/bytes/500000; curl -sS https://denied.example.com; exit 7`;
    const options = ['--domain', HOST, '--account', file, '--budget', 'down=1GB', '--job-id', 'accounted'];
    const { code } = await stage.job(options, script, { env: { JOBGATE_ACCOUNT_KEY_FILE: key } });
    expect(code).toBe(7);
    const account = accountSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    expect(account).toMatchObject({
      ...{ job: 'accounted', exitCode: 7, reason: 'it exited' },
      opened: { by: 'run', uid: process.getuid?.() },
      policy: { domains: [HOST], budget: 'down=1000000000', rate: 10_000_000 },
      hosts: [
        { host: HOST, port: 443, allowed: 1, connections: 1, denied: {} },
        { host: 'denied.example.com', port: 443, allowed: 0, denied: { 'domain-not-allowed': 1 } },
      ],
    });
    expect(account.hosts[0]?.down).toBeGreaterThan(500_000);
    expect(account.spent.down).toBeGreaterThanOrEqual(account.total.down);
    expect(Date.parse(account.ended ?? '')).toBeGreaterThan(Date.parse(account.began));
    const verified = await startCli(['account', 'verify', file, '--key', pub]).done;
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('job accounted')]);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"exitCode": 7', '"exitCode": 0'));
    expect((await startCli(['account', 'verify', file, '--key', pub]).done).code).toBe(125);
  });

  it('a container of the gate: its exit code is there, as the engine told it', async () => {
    const gate = cleanup.use(
      await startGate('--dns', stage.net.dns, '--state-directory', join(folder, 'state')),
    );
    const name = newName('account');
    const script = `curl -sS -o /dev/null http://${HOST}/; exit 5`;
    await gate.docker(
      ...['create', '--name', name, '--label', `jobgate.domains=${HOST}`, JOB_IMAGE, 'bash', '-c', script],
    );
    const { body } = await gate.serve.ask('/v1/gateways');
    const id = String(body.gateways[0].id);
    await gate.tryDocker(['start', '-a', name]);
    const account = async () =>
      accountSchema.parse((await gate.serve.ask(`/v1/gateways/${id}/account`)).body);
    await expect.poll(async () => (await account()).exitCode).toBe(5);
    await gate.docker('rm', '-f', name);
    await expect.poll(async () => (await account()).ended).not.toBeNull();
    expect(await account()).toMatchObject({
      opened: { by: 'gate' },
      exitCode: 5,
      hosts: [{ host: HOST, port: 80, allowed: 1 }],
    });
  });
});
