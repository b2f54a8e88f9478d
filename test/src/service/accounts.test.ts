import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { accountSchema } from '../../../src/account/account.js';
import { Cleanup } from '../../support/cleanup.js';
import { startOrigin } from '../../support/origin.js';
import { RawClient } from '../../support/raw-client.js';
import { ask } from '../../support/serve.js';
import { FakeEngine, FakeGateways, startService } from '../../support/service.js';

let cleanup: Cleanup;
let folder: string;
beforeEach(() => {
  cleanup = new Cleanup();
  folder = mkdtempSync(join(tmpdir(), 'jobgate-test-'));
  cleanup.add(() => rmSync(folder, { recursive: true }));
});
afterEach(() => cleanup[Symbol.asyncDispose]());

const here = { allowAddress: ['127.0.0.0/8'], addHost: ['allowed.test:127.0.0.1'], rate: 'unlimited' };

it('the account of a gateway: live, after its end, by the next serve, and signed', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = join(folder, 'key.pem');
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const gateways = new FakeGateways();
  const serve = () =>
    startService(
      { ...here, stateDirectory: join(folder, 'state') },
      { env: { JOBGATE_ACCOUNT_KEY_FILE: key }, gateways, engine: new FakeEngine() },
    );
  const first = await serve();
  const origin = cleanup.use(await startOrigin((_request, response) => response.end('hello')));
  const opened = await ask(first.port, '/v1/gateways', {
    body: { jobId: 'job-1', network: { Domains: [`allowed.test:${origin.port}`] }, budget: 'down=1GB' },
  });
  const id = String(opened.body.id);
  const proxy = gateways.proxies.get(id)?.port ?? 0;
  const get = (host: string) =>
    RawClient.exchange(proxy, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(await get(`allowed.test:${origin.port}`)).toContain('hello');
  expect(await get('denied.test')).toContain('403');
  await ask(first.port, `/v1/gateways/${id}`, {
    method: 'PATCH',
    body: { deny: ['x.test'] },
    headers: { 'if-match': '*' },
  });
  const account = async (port: number) => {
    const answer = await ask(port, `/v1/gateways/${id}/account`);
    expect(answer.status).toBe(200);
    return {
      account: accountSchema.parse(answer.body),
      text: `${JSON.stringify(answer.body, null, 2)}\n`,
      signature: String(answer.headers['jobgate-signature']),
    };
  };
  await expect.poll(async () => (await account(first.port)).account.hosts[0]?.connections).toBe(1);
  const live = await account(first.port);
  expect(live.account).toMatchObject({
    ...{ job: 'job-1', gateway: id, ended: null, exitCode: null, versions: { engine: '0' } },
    opened: { by: 'api', token: false },
    policy: { domains: [`allowed.test:${origin.port}`], budget: 'down=1000000000', rate: null },
    changes: [{ policy: { denied: ['x.test'] } }],
    hosts: [
      { host: 'allowed.test', port: origin.port, allowed: 1, connections: 1, denied: {} },
      { host: 'denied.test', port: 80, allowed: 0, denied: { 'domain-not-allowed': 1 } },
    ],
  });
  expect(live.account.hosts[0]?.down).toBeGreaterThan(5);
  expect(live.account.total.down).toBeGreaterThan(live.account.hosts[0]?.down ?? 0);
  await ask(first.port, `/v1/gateways/${id}`, { method: 'DELETE' });
  const ended = await account(first.port);
  expect(ended.account).toMatchObject({
    reason: 'asked to',
    ended: expect.any(String),
    hosts: live.account.hosts,
  });
  await first[Symbol.asyncDispose]();

  const next = cleanup.use(await serve());
  const kept = await account(next.port);
  expect(kept.account).toEqual(ended.account);
  expect(kept.signature).toBe(ended.signature);
  expect(verify(null, Buffer.from(kept.text), publicKey, Buffer.from(kept.signature, 'base64'))).toBe(true);
  expect((await ask(next.port, '/v1/gateways/0123/account')).status).toBe(404);
});
