import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli } from '../../support/cli.js';
import { type FakeEngineServer, fakeEngine, json } from '../../support/fake-engine.js';

const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** With nothing of ours, for everyone. */
async function cleanEngine(): Promise<FakeEngineServer & { readonly env: { readonly DOCKER_HOST: string } }> {
  const fake = await fakeEngine((_request, response) => json(response, []));
  const DOCKER_HOST = fake.engine.endpoint.url;
  const socket = DOCKER_HOST.replace('unix://', '');
  chmodSync(dirname(socket), 0o755);
  chmodSync(socket, 0o777);
  return { ...fake, env: { DOCKER_HOST } };
}

describe('jobgate clean', () => {
  it('is done without a privilege where gateways are in containers, and says what it lacks where they may not be', async () => {
    await using engine = await cleanEngine();
    const how = { env: engine.env, ...NOBODY };
    expect(await cli(['clean', '--gateway', 'container'], how)).toMatchObject({
      code: 0,
      stdout: 'clean\n',
      stderr: '',
    });
    expect(engine.asked.length).toBeGreaterThan(0);
    expect(await cli(['clean'], how)).toMatchObject({
      code: 125,
      stdout: '',
      // Where other tests have networks here, that is what stands in the way.
      stderr: expect.stringMatching(/^jobgate: [^\n]*(--gateway container|end their jobs first)[^\n]*\n$/),
    });
  });

  it('is not clean where no engine told what is left', async () => {
    const env = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    expect(await cli(['clean', '--gateway', 'container'], { env })).toMatchObject({
      code: 125,
      stdout: '',
      stderr: expect.stringMatching(
        /^jobgate: containers and networks may be left: no Docker engine answers at [^\n]*\n$/,
      ),
    });
  });
});
