import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Dockerode from 'dockerode';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { newName, startGate, type TestGate } from '../support/gate.js';
import { compose, testcontainers } from '../support/gate-clients.js';
import { type Stage, startStage } from '../support/stage.js';

describeE2e('unchanged, with DOCKER_HOST at the gate', () => {
  const cleanup = new Cleanup();
  let stage: Stage;
  let gate: TestGate;
  beforeAll(async () => {
    stage = cleanup.use(await startStage({ 'example.com': {} }));
    gate = cleanup.use(await startGate('--dns', stage.net.dns));
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('dockerode creates, attaches, executes, waits and removes', async () => {
    const client = new Dockerode({ socketPath: gate.socket });
    expect(await client.ping()).toBeTruthy();
    const name = newName('dockerode');
    const container = await client.createContainer({
      ...{ name, Image: JOB_IMAGE, Tty: false, OpenStdin: true, StdinOnce: true, AttachStdin: true },
      Cmd: ['bash', '-c', 'read line; echo "got $line"; echo oh >&2; exit 4'],
      Labels: { 'jobgate.domains': 'example.com' },
      HostConfig: { NetworkMode: 'bridge' },
    });
    const stream = await container.attach({
      stream: true,
      hijack: true,
      stdin: true,
      stdout: true,
      stderr: true,
    });
    const [out, err] = [new PassThrough(), new PassThrough()];
    client.modem.demuxStream(stream, out, err);
    stream.on('end', () => [out, err].map((one) => one.end()));
    const ended = container.wait({ condition: 'next-exit' });
    await container.start();
    stream.write('a line\n');
    expect((await ended).StatusCode).toBe(4);
    expect(await Promise.all([text(out), text(err)])).toEqual(['got a line\n', 'oh\n']);
    await container.remove();

    const running = await client.createContainer({
      ...{ Image: JOB_IMAGE, Cmd: ['sleep', '600'], Labels: { 'jobgate.domains': 'example.com' } },
    });
    await running.start();
    const exec = await running.exec({
      Cmd: ['curl', '-sS', 'http://example.com/'],
      AttachStdout: true,
      Tty: true,
    });
    expect(await text(await exec.start({ hijack: true, stdin: false }))).toContain('hello from example.com');
    expect((await exec.inspect()).ExitCode).toBe(0);
    const listed = await client.listContainers({ filters: { id: [running.id] } });
    expect(listed).toHaveLength(1);
    await running.stop({ t: 0 });
    await running.remove({ force: true, v: true });
  });

  it('testcontainers starts, executes, waits for a log, copies, joins networks and stops', async (context) => {
    const folder = await testcontainers();
    if (!folder) return context.skip();
    const script = `${projectRoot}test/support/testcontainers.mjs`;
    // Its reaper wants the engine's socket as a mount.
    const env = { DOCKER_HOST: gate.host, TESTCONTAINERS_RYUK_DISABLED: 'true' };
    const ran = await run(process.execPath, [script, folder, JOB_IMAGE, newName('tc')], { env });
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(ran.stdout)).toEqual({
      ...{ variable: 'b', before: 'copied before', after: 'copied after', exit: 5 },
      found: expect.stringMatching(/^10\.\S+ +first$/),
    });
  });

  it('docker compose brings up two services that talk to each other and to one allowed host', async (context) => {
    const file = await compose();
    if (!file) return context.skip();
    const folder = mkdtempSync(join(tmpdir(), 'jobgate-compose-'));
    cleanup.add(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'docker-compose.yml'), COMPOSE);
    const project = newName('compose');
    const ask = (...args: string[]) =>
      run(file, ['-p', project, ...args], { cwd: folder, env: { DOCKER_HOST: gate.host } });
    const up = await ask('up', '-d');
    expect(up, up.stderr).toMatchObject({ code: 0 });
    await vi.waitFor(async () => {
      const told = (await ask('exec', '-T', 'client', 'curl', '-sS', '--noproxy', '*', 'http://server:8080/'))
        .stdout;
      expect(told).toBe('hello');
    });
    expect((await ask('exec', '-T', 'client', 'curl', '-sS', 'http://example.com/')).stdout).toContain(
      'hello from',
    );
    expect((await ask('logs', 'client')).stdout).toContain('client is up');
    expect((await ask('ps', '-q')).stdout.trim().split('\n')).toHaveLength(2);
    // Made again where its description changed.
    writeFileSync(join(folder, 'docker-compose.yml'), COMPOSE.replace('client is up', 'client is new'));
    const again = await ask('up', '-d');
    expect(again, again.stderr).toMatchObject({ code: 0 });
    await vi.waitFor(async () => expect((await ask('logs', 'client')).stdout).toContain('client is new'));
    expect((await ask('down', '-v', '-t', '0')).code).toBe(0);
    expect(await docker('ps', '-aq', '--filter', `label=com.docker.compose.project=${project}`)).toBe('');
    expect(await docker('network', 'ls', '--format', '{{.Name}}')).not.toContain(project);
    expect(await docker('volume', 'ls', '-q')).not.toContain(project);
  });
});

const COMPOSE = `
version: '2.4'
networks:
  default:
    labels:
      jobgate.domains: example.com
services:
  server:
    image: ${JOB_IMAGE}
    command: [node, -e, 'require("http").createServer((_, r) => r.end("hello")).listen(8080)']
    volumes: ['data:/data']
    restart: unless-stopped
  client:
    image: ${JOB_IMAGE}
    depends_on: [server]
    command: [bash, -c, 'echo client is up; sleep 600']
volumes:
  data: {}
`;
