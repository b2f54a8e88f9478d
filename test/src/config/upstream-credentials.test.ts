import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { upstreamCredentials } from '../../../src/config/upstream-credentials.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobgate-credentials-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('credentials of the upstream proxy come from a file or the environment, the file first', () => {
  const file = join(directory, 'credentials');
  writeFileSync(file, 'user:pa:ss %41\nrest\n');
  const fromFile = { username: 'user', password: 'pa:ss %41' };
  expect(upstreamCredentials({ file, env: 'other:pass' })).toEqual(fromFile);
  expect(upstreamCredentials({ env: 'other:pass' })).toEqual({ username: 'other', password: 'pass' });
  expect(upstreamCredentials({})).toBeUndefined();
  writeFileSync(file, 'hunter2');
  expect(() => upstreamCredentials({ file })).toThrow(
    `${file}: the credentials of the upstream proxy are not USER:PASSWORD`,
  );
  expect(() => upstreamCredentials({ file: join(directory, 'missing') })).toThrow('cannot be read (ENOENT)');
  expect(() => upstreamCredentials({ env: 'hunter2' })).toThrow(/^the environment: (?!.*hunter2)/);
});
