import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli, JOB_IMAGE } from '../support/cli.js';
import { debianBinary } from '../support/debian-binary.js';
import { describeE2e, docker } from '../support/e2e.js';
import { closedPort } from '../support/silent-listener.js';

// admin:secret, by bcrypt.
const HTPASSWD = 'admin:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';

describeE2e('images are pulled as docker run does', () => {
  let registry: string | undefined;
  let process_: ReturnType<typeof spawn>;
  let dir: string;
  let image: string;
  let login: string;

  beforeAll(async () => {
    registry = await debianBinary('docker-registry');
    if (!registry) return;
    dir = mkdtempSync(join(tmpdir(), 'jobgate-registry-'));
    const port = await closedPort();
    image = `127.0.0.1:${port}/small:1`;
    writeFileSync(join(dir, 'htpasswd'), HTPASSWD);
    writeFileSync(
      join(dir, 'config.yml'),
      [
        'version: 0.1',
        'log: {level: error}',
        `storage: {filesystem: {rootdirectory: ${dir}/data}}`,
        `http: {addr: "127.0.0.1:${port}"}`,
        `auth: {htpasswd: {realm: test, path: ${dir}/htpasswd}}`,
      ].join('\n'),
    );
    process_ = spawn(registry, ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
    for (let i = 0; i < 100; i++) {
      const up = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
      if (up?.status === 401) break;
      await sleep(50);
    }
    login = join(dir, 'login');
    mkdirSync(login);
    const auth = Buffer.from('admin:secret').toString('base64');
    writeFileSync(join(login, 'config.json'), JSON.stringify({ auths: { [`127.0.0.1:${port}`]: { auth } } }));
    await docker('tag', JOB_IMAGE, image);
    execFileSync('docker', ['--config', login, 'push', '-q', image]);
    await docker('rmi', image);
  });

  afterAll(async () => {
    if (process_?.exitCode === null) {
      process_.kill();
      await once(process_, 'exit');
    }
    if (image) await docker('rmi', '-f', image).catch(() => {});
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  it('without credentials: one line with what to do', async (context) => {
    if (!registry) return context.skip();
    const result = await cli(['run', image, 'true'], { env: { DOCKER_CONFIG: dir } });
    expect(result.code).toBe(125);
    expect(result.stderr).toMatch(/jobgate: cannot pull .*small:1: .*; .*docker login.*\n$/);
  });

  it('--pull never does not ask the registry', async (context) => {
    if (!registry) return context.skip();
    const result = await cli(['run', '--pull', 'never', image, 'true'], { env: { DOCKER_CONFIG: login } });
    expect(result.code).toBe(125);
    expect(result.stderr).toMatch(/is not on the engine/);
  });

  it('with the credentials of the Docker config, silent in a pipe, and not again when it is there', async (context) => {
    if (!registry) return context.skip();
    const env = { DOCKER_CONFIG: login };
    const first = await cli(['run', image, 'echo', 'hi'], { env });
    expect(first).toMatchObject({ code: 0, stdout: 'hi\n', stderr: '' });
    expect((await cli(['run', image, 'echo', 'hi'], { env })).stderr).toBe('');
  });
});
