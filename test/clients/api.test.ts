import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { startCli } from '../support/cli.js';
import { describeE2e, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { ask } from '../support/serve.js';
import { PERL_ROOT, REDOCLY } from './provide-api.js';

describeE2e("clients that are made of the API's document", () => {
  const suite = new Cleanup();
  const token = randomBytes(16).toString('hex');
  let folder: string;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'jobgate-api-'));
    suite.add(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
    const serve = startCli([
      ...['serve', '--listen', '127.0.0.1:0', '--token-file', join(folder, 'token')],
      ...['--state-directory', folder],
    ]);
    suite.add(async () => {
      serve.child.kill('SIGTERM');
      await serve.done;
    });
    await serve.printed('\n');
    url = /http:\S+/.exec(serve.stdout)?.[0] ?? '';
  });
  afterAll(() => suite[Symbol.asyncDispose]());

  it('a strict linter takes the document', async () => {
    const { body } = await ask(Number(new URL(url).port), '/openapi.json');
    writeFileSync(join(folder, 'openapi.json'), JSON.stringify(body));
    const lint = ['lint', '--extends', 'recommended-strict', '--format', 'json', 'openapi.json'];
    const env = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    const { code, stdout, stderr } = await run(process.execPath, [REDOCLY, ...lint], { cwd: folder, env });
    expect({ problems: JSON.parse(stdout).problems, code }, stderr).toEqual({ problems: [], code: 0 });
  });

  it('a client in Perl works against serve, and what it is answered is as the document says', async () => {
    const program = readFileSync(`${projectRoot}test/clients/programs/api.pl`, 'utf8');
    const { code, stdout, stderr } = await run('chroot', [PERL_ROOT, '/usr/bin/perl', '-', url, token], {
      input: program,
      env: { JSON_VALIDATOR_CACHE_PATH: '/cache', LC_ALL: 'C' },
    });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([
      'getHealth 200',
      'getReadiness 200',
      'askAdmission 200',
      'openGateway 201',
      'openGateway 409',
      'getGateway 200',
      'changeGateway 200',
      'domains example.com example.net',
      'changeGateway 412',
      'listGateways 200',
      'listed it',
      'getDockerOptions 200',
      'getGatewayHistory 200',
      'getOverview 200',
      'closeGateway 200',
      'getGateway 200',
      'getDockerOptions 404',
      'listGateways 200',
      'listJobs 200',
      'getJob 404',
      'followEvents 200',
      'getMetrics 200',
    ]);
    expect(code).toBe(0);
  });
});
