import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeE2e } from '../support/e2e.js';
import { type Stage, startStage } from '../support/stage.js';

describeE2e('jobgate run --learn', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage({ 'example.com': {}, 'cdn.example.net': {}, 'denied.example.org': {} });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const SCRIPT =
    'for h in example.com cdn.example.net denied.example.org; do curl -sS -o /dev/null -w "%{http_code} " http://$h/; done';
  const options = ['--learn', '--domain', 'example.com', '--deny', 'denied.example.org'];

  it('tells which domains the job needs, where the operator allows it', async () => {
    const env = { JOBGATE_ALLOW_LEARN: 'true' };
    const learned = await stage.job(options, SCRIPT, { env });
    expect(learned).toMatchObject({ code: 0, stdout: '200 200 403 ' });
    expect(learned.stderr).toContain('--domain cdn.example.net --domain example.com');
    expect(learned.stderr).toContain('Domains: ["cdn.example.net","example.com"]');
    // What the node lets jobs declare is the limit of it.
    const within = { ...env, JOBGATE_ALLOWED_DOMAINS: 'example.com' };
    expect(await stage.job(options, SCRIPT, { env: within })).toMatchObject({
      code: 0,
      stdout: '200 403 403 ',
    });
  });

  it('is refused where the operator has not said so', async () => {
    const refused = await stage.job(options, SCRIPT);
    expect(refused).toMatchObject({
      code: 77,
      stdout: '',
      stderr: expect.stringContaining('Egress.AllowLearn'),
    });
  });
});
