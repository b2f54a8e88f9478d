import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spec } from '../../admission/jobs.js';
import { ask } from '../../support/serve.js';
import { startService, type TestService } from '../../support/service.js';

let served: TestService;
beforeAll(async () => {
  served = await startService();
});
afterAll(() => served[Symbol.asyncDispose]());

const job = (task: object = {}) => JSON.stringify(spec({ ...task }));
const many = job({ Network: { Type: 'HTTP', Domains: Array(130_000).fill('x') } });

describe.each<[string, (job: string) => string]>([
  ['/v1/admission', (body) => body],
  ['/v1/jobs', (body) => body],
  ['/v1/gateways', (body) => `{"jobId":"j","job":${body}}`],
])('POST %s', (path, wrap) => {
  it.each<[string, string, RegExp]>([
    [
      'a key twice',
      job({ Network: { Type: 'None' } }).replace('"Type":"None"', '"Type":"None","Type":"Host"'),
      /"Type" is there twice/,
    ],
    ['a letter that Go folds', job().replace('"Tasks"', '"Ta\u017Fks"'), /write Tasks/],
    ['two letter cases', job({ network: { Type: 'Host' } }), /the same field as Network/],
    [
      '20,000 levels',
      job().replace('"Count":1', `"Meta":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
      /nested deeper than 64 levels/,
    ],
    [
      'a merge key',
      job().replace('"Name":"main"', '"<<":{"Network":{"Type":"Host"}}'),
      /some readers merge it/,
    ],
    ['130,000 problems', many, /and \d+ more problems$/],
  ])('answers %s shortly', async (_, body, problem) => {
    const { status, body: answer } = await ask(served.port, path, { body: wrap(body) });
    expect({ status, error: answer.error }).toEqual({ status: 400, error: 'invalid-request' });
    expect(JSON.stringify(answer).length).toBeLessThan(10_000);
    expect(answer.message).toMatch(problem);
  });

  it('tells unknown fields of its own shortly, too', async () => {
    const fields = Array.from({ length: 50_000 }, (_, index) => `"k${index}":1`).join();
    const { status, body: answer } = await ask(served.port, path, { body: wrap(`{${fields}}`) });
    expect(status).toBe(400);
    expect(JSON.stringify(answer).length).toBeLessThan(10_000);
  });
});
