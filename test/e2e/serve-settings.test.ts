import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { cli } from '../support/cli.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { placement } from '../support/placement.js';
import { open, type Serve, startServe } from '../support/serve.js';
import { type Stage, startStage } from '../support/stage.js';

describeE2e('jobgate serve as its operator sets it', () => {
  let cleanup: Cleanup;
  let stage: Stage;
  beforeEach(async () => {
    cleanup = new Cleanup();
    stage = cleanup.use(
      await startStage({ 'example.com': {}, 'cdn.example.net': {}, 'denied.example.org': {} }),
    );
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  const start = async (options: readonly string[] = [], env: Record<string, string> = {}) =>
    cleanup.use(await startServe(['--dns', stage.net.dns, ...options], { env }));

  const random = () => randomBytes(4).toString('hex');

  async function openGateway(serve: Serve, more: object = {}) {
    const jobId = `settings-${random()}`;
    const network = { Domains: ['example.com'] };
    const answer = await serve.ask('/v1/gateways', {
      body: { jobId, executionId: `${jobId}-e`, network, ...more },
    });
    if (answer.status === 201) {
      cleanup.add(() => docker('network', 'rm', answer.body.network.name).catch(() => {}));
    }
    return answer;
  }

  async function startContainer(options: readonly string[]): Promise<string> {
    const name = `jobgate-test-${random()}`;
    cleanup.add(() => docker('rm', '-f', name));
    await docker('run', '-d', '--name', name, ...options, JOB_IMAGE, 'sleep', '600');
    return name;
  }

  const status = async (container: string, url: string, ...more: string[]) => {
    const args = ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', ...more, url];
    return (await run('docker', ['exec', container, ...args])).stdout;
  };
  const networksOf = async (container: string) => {
    const [info] = JSON.parse(await docker('inspect', container));
    return Object.keys(info.NetworkSettings.Networks);
  };
  const networks = async () => (await docker('network', 'ls', '--format', '{{.Name}}')).split('\n');

  async function followEvents(serve: Serve, gateway: string) {
    const stream = await open(serve.socket, `/v1/events?types=gateway&gateway=${gateway}`);
    cleanup.add(() => stream.destroy());
    let seen = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      seen += chunk;
    });
    return () =>
      seen
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => JSON.parse(line.slice('data: '.length)));
  }

  it('--broken-contract report shows a container as not enforced, with reason and event, and leaves it', async () => {
    const serve = await start(['--broken-contract', 'report']);
    const { body } = await openGateway(serve);
    const events = await followEvents(serve, body.id);
    const container = await startContainer(body.docker);
    const containers = async () => (await serve.ask(`/v1/gateways/${body.id}`)).body.containers;
    await vi.waitFor(async () => expect(await containers()).toMatchObject([{ enforced: true }]));

    await docker('network', 'connect', 'bridge', container);
    const reason = 'it is on another network as well: bridge';
    await vi.waitFor(async () =>
      expect(await containers()).toMatchObject([{ name: container, enforced: false, breaches: [reason] }]),
    );
    expect(events().filter(({ change }) => change === 'contract-broken')).toMatchObject([
      { container, reason },
    ]);
    expect((await networksOf(container)).sort()).toEqual(['bridge', body.network.name].sort());
    expect(await status(container, 'http://example.com/')).toBe('200');
    const { containers: counted } = (await serve.ask('/v1/overview')).body;
    expect(counted).toEqual({ enforced: 0, unenforced: 1 });
    // Once it keeps the contract again, that is shown as well.
    await docker('network', 'disconnect', 'bridge', container);
    await vi.waitFor(async () =>
      expect(await containers()).toMatchObject([{ enforced: true, breaches: [] }]),
    );
    expect(events().filter(({ change }) => change === 'contract-broken')).toHaveLength(1);
  });

  it('without it the same container is disconnected', async () => {
    const serve = await start();
    const { body } = await openGateway(serve);
    const events = await followEvents(serve, body.id);
    const container = await startContainer(body.docker);
    await docker('network', 'connect', 'bridge', container);
    await vi.waitFor(async () => expect(await networksOf(container)).toEqual(['bridge']));
    await vi.waitFor(() => expect(events().map(({ change }) => change)).toContain('contract-broken'));
    expect((await serve.ask(`/v1/gateways/${body.id}`)).body.containers).toEqual([]);
  });

  it('a gateway learns where the operator allows it, and ends with the list that its job needs', async () => {
    const strict = await start();
    expect(await openGateway(strict, { learn: true })).toMatchObject({
      status: 403,
      body: { error: 'not-accepted', message: expect.stringContaining('Egress.AllowLearn') },
    });
    const serve = await start(['--deny', 'denied.example.org'], { JOBGATE_ALLOW_LEARN: 'true' });
    const { body } = await openGateway(serve, { learn: true });
    const container = await startContainer(body.docker);
    expect(await status(container, 'http://example.com/')).toBe('200');
    expect(await status(container, 'http://cdn.example.net/')).toBe('200');
    expect(await status(container, 'http://denied.example.org/')).toBe('403');
    // Who does not ask to learn does not, though it is allowed here.
    const plain = await openGateway(serve);
    expect(await status(await startContainer(plain.body.docker), 'http://cdn.example.net/')).toBe('403');

    expect((await serve.ask(`/v1/gateways/${body.id}`)).body.learned).toEqual([
      'cdn.example.net',
      'example.com',
    ]);
    await docker('rm', '-f', container);
    expect(await serve.ask(`/v1/gateways/${body.id}`, { method: 'DELETE' })).toMatchObject({
      status: 200,
      body: { state: 'closed', learned: ['cdn.example.net', 'example.com'] },
    });
    expect(
      (await serve.ask(`/v1/gateways/${plain.body.id}`, { method: 'DELETE' })).body.learned,
    ).toBeUndefined();
  });

  it("jobgate clean removes a dead serve's networks that have no job, and no other", async () => {
    const [dead, live] = [await start(), await start()];
    const [unused, used, ours] = [await openGateway(dead), await openGateway(dead), await openGateway(live)];
    const container = await startContainer(used.body.docker);
    await clean();
    const names = [unused, used, ours].map(({ body }) => body.network.name);
    expect(await networks()).toEqual(expect.arrayContaining(names));

    await dead.kill();
    // A proxy's container ends by itself once its serve has gone.
    await vi.waitFor(
      async () => {
        await clean();
        expect(await networks()).not.toContain(unused.body.network.name);
      },
      { interval: 500 },
    );
    expect(await networks()).toEqual(
      expect.arrayContaining([used.body.network.name, ours.body.network.name]),
    );
    await docker('rm', '-f', container);
    await clean();
    expect(await networks()).not.toContain(used.body.network.name);
    expect(await networks()).toContain(ours.body.network.name);
  });

  async function clean(): Promise<void> {
    const { code, stderr } = await cli(['clean']);
    // Firewall rules stay while a gateway on the host is open, which it says.
    if (placement === 'host')
      expect({ code, stderr }).toMatchObject({
        code: 125,
        stderr: expect.stringContaining('the lock-down stays'),
      });
    else expect({ code, stderr }).toMatchObject({ code: 0 });
  }

  it('logs job and execution on every line of a job, and nothing that a job could hide in it', async () => {
    const serve = await start(['--log-level', 'debug']);
    const { body } = await openGateway(serve);
    const container = await startContainer(body.docker);
    expect(await status(container, 'http://user:hunter2@example.com/?token=hunter2')).toBe('200');
    expect(
      await status(container, 'http://refused.test/?token=hunter2', '-H', 'Authorization: hunter2'),
    ).toBe('403');
    const { hostname, port } = new URL(body.proxy.url);
    const hostile = 'GET http://a\\x1b[31m\\x07b.example/?hunter2 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n';
    const send = `exec 3<>/dev/tcp/${hostname}/${port}; printf '${hostile}' >&3; head -n 1 <&3`;
    expect(await docker('exec', container, 'bash', '-c', send)).toContain(' 400 ');
    await docker('rm', '-f', container);
    expect((await serve.ask(`/v1/gateways/${body.id}`, { method: 'DELETE' })).status).toBe(200);
    await serve.stop();

    const { stderr } = await serve.cli.done;
    expect(stderr).not.toContain('hunter2');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none is what is tested
    expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ids = { job: body.jobId, execution: body.executionId };
    // What the API was asked has its path.
    const about = lines.filter(
      ({ msg, ...line }) =>
        msg !== 'answered' && (line.event !== undefined || JSON.stringify(line).includes(body.id)),
    );
    expect(about.length).toBeGreaterThan(5);
    for (const line of about) expect(line).toMatchObject(ids);
    const decided = lines.filter(({ event }) => event === 'decision' || event === 'closed');
    expect(decided.map(({ event, decision, reason }) => decision ?? `${event} ${reason}`)).toEqual(
      expect.arrayContaining(['allow', 'deny', expect.stringMatching(/^closed /)]),
    );
    for (const line of decided) expect(line).toMatchObject({ v: 1, ...ids });
    expect(lines.filter(({ event }) => event === 'gateway').map(({ change }) => change)).toEqual(
      expect.arrayContaining(['opened', 'connected', 'disconnected', 'closed']),
    );
  });
});
