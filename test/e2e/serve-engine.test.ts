import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, JOB_IMAGE, type Ran, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { createNamespace, type Namespace } from '../support/namespace.js';
import { ask } from '../support/serve.js';

/** An engine of the test's own: others may use the machine's. In a network namespace of its own, for its bridges. */
describeE2e('an engine that restarts under serve', () => {
  let cleanup: Cleanup;
  let folder: string;
  let namespace: Namespace;
  let env: Record<string, string>;
  beforeEach(async () => {
    cleanup = new Cleanup();
    folder = mkdtempSync(join(tmpdir(), 'jobgate-engine-'));
    cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
    namespace = cleanup.use(await createNamespace());
    env = { DOCKER_HOST: `unix://${folder}/docker.sock` };
    cleanup.add(stopEngine);
    await startEngine();
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const docker = async (...args: string[]): Promise<Ran> => {
    const ran = await run('docker', args, { env });
    if (ran.code !== 0) throw new Error(`docker ${args.join(' ')}: ${ran.stderr}`);
    return ran;
  };

  async function startEngine(): Promise<void> {
    const [file = '', ...prefix] = namespace.prefix;
    writeFileSync(`${folder}/daemon.json`, '{}');
    const log = openSync(`${folder}/dockerd.log`, 'a');
    const paths = [
      '--data-root',
      `${folder}/data`,
      '--exec-root',
      `${folder}/exec`,
      '--pidfile',
      `${folder}/docker.pid`,
    ];
    // /proc/sys/net is that of the namespace by itself; /sys is not, and nothing of dockerd's needs it.
    spawn(
      file,
      [
        ...prefix,
        'dockerd',
        '-H',
        env.DOCKER_HOST as string,
        ...paths,
        '--config-file',
        `${folder}/daemon.json`,
      ],
      {
        stdio: ['ignore', log, log],
        detached: true,
      },
    );
    closeSync(log);
    await vi
      .waitFor(() => docker('version'), { interval: 300 })
      .catch(() => {
        throw new Error(
          `dockerd does not answer: ${readFileSync(`${folder}/dockerd.log`, 'utf8').slice(-1000)}`,
        );
      });
  }

  async function stopEngine(): Promise<void> {
    const pid = Number(readFileSync(`${folder}/docker.pid`, 'utf8'));
    process.kill(pid, 'SIGTERM');
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { interval: 200 });
    const left = await run('sh', [
      '-c',
      `grep -o '${folder}[^ ]*' /proc/self/mounts | sort -r | xargs -r umount`,
    ]);
    expect(left.code).toBeLessThan(200);
  }

  /** A serve in the engine's network namespace, with gateways at a placement. */
  async function startServe(placement: string) {
    for (const image of [JOB_IMAGE, ...(placement === 'container' ? [defaultGatewayImage()] : [])]) {
      const loaded = await run('sh', [
        '-c',
        `docker save ${image} | DOCKER_HOST=${env.DOCKER_HOST} docker load -q`,
      ]);
      expect(loaded.code).toBe(0);
    }
    const socket = `${folder}/api.sock`;
    const [file = '', ...prefix] = namespace.prefix;
    const options = [
      'serve',
      '--listen',
      `unix:${socket}`,
      '--gateway',
      placement,
      '--log-format',
      'json',
      '--gate',
      `unix://${folder}/gate.sock`,
    ];
    const serve = spawn(file, [...prefix, process.execPath, `${projectRoot}dist/src/cli.js`, ...options], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    serve.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const ended = new Promise((resolve) => serve.once('exit', resolve));
    cleanup.add(async () => {
      serve.kill('SIGTERM');
      await ended;
    });
    await vi.waitFor(async () => expect((await ask(socket, '/readyz')).status).toBe(200), { interval: 200 });
    const openGateway = async () => {
      const body = { jobId: 'job-1', network: { Domains: ['example.com'] } };
      const opened = await ask(socket, '/v1/gateways', { body });
      expect({ status: opened.status, log: opened.status === 201 ? '' : log }).toEqual({
        status: 201,
        log: '',
      });
      return opened;
    };
    return { socket, openGateway };
  }

  const startJob = (options: readonly string[]) =>
    docker('run', '-d', '--name', 'job', ...options, JOB_IMAGE, 'sleep', '600');
  const refused = async () => {
    const options = ['-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', 'http://refused.test/'];
    return (await docker('exec', 'job', 'curl', ...options)).stdout;
  };

  async function restartEngine(socket: string): Promise<void> {
    await stopEngine();
    await vi.waitFor(async () => expect((await ask(socket, '/readyz')).status).toBe(503));
    expect((await ask(socket, '/v1/gateways')).body.gateways).toHaveLength(1);
    await startEngine();
    await vi.waitFor(async () => expect((await ask(socket, '/readyz')).status).toBe(200));
  }

  /** A job that had its gateway, after a restart of the engine. */
  async function jobAfterRestart(placement: string) {
    const { socket, openGateway } = await startServe(placement);
    const opened = await openGateway();
    await startJob(opened.body.docker);
    expect(await refused()).toBe('403');
    await restartEngine(socket);
    return { socket, opened, openGateway };
  }

  it.each(['host', 'container'])(
    'a gateway (%s) stays, and a container that starts again has it',
    async (placement) => {
      const { socket, opened } = await jobAfterRestart(placement);
      await docker('start', 'job');
      await vi.waitFor(async () => expect(await refused()).toBe('403'));
      const { body } = await ask(socket, `/v1/gateways/${opened.body.id}`);
      expect(body).toMatchObject({
        state: 'open',
        proxy: opened.body.proxy,
        containers: [{ name: 'job', enforced: true }],
      });
      await docker('rm', '-f', 'job');
      expect((await ask(socket, `/v1/gateways/${opened.body.id}`, { method: 'DELETE' })).status).toBe(200);
      expect((await docker('network', 'ls', '--format', '{{.Name}}')).stdout).not.toContain(
        opened.body.network.name,
      );
    },
  );

  it("a container of the gate that its policy starts again has its gateway, and is its client's", async () => {
    const { socket } = await startServe('host');
    const gate = { env: { DOCKER_HOST: `unix://${folder}/gate.sock` } };
    const options = ['--name', 'job', '--restart', 'always', '--label', 'jobgate.domains=example.com'];
    const ran = await run('docker', ['run', '-d', ...options, JOB_IMAGE, 'sleep', '600'], gate);
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    expect(await refused()).toBe('403');
    await restartEngine(socket);
    await vi.waitFor(async () => expect(await refused()).toBe('403'));
    expect((await run('docker', ['ps', '--format', '{{.Names}}'], gate)).stdout).toBe('job\n');
    expect((await run('docker', ['rm', '-f', 'job'], gate)).code).toBe(0);
    await vi.waitFor(async () => expect((await ask(socket, '/v1/gateways')).body.gateways).toEqual([]));
  });
});
