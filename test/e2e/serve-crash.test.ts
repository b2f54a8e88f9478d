import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { cli } from '../support/cli.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { placement } from '../support/placement.js';
import { type Serve, startServe } from '../support/serve.js';
import { openServed, type ServedView, startBehind } from '../support/served-job.js';
import { type Stage, startStage } from '../support/stage.js';

describeE2e('jobgate serve that comes and goes', () => {
  const suite = new Cleanup();
  let cleanup: Cleanup;
  let stage: Stage;
  let serve: Serve;
  beforeAll(async () => {
    stage = suite.use(await startStage({ 'example.com': {} }));
  });
  afterAll(() => suite[Symbol.asyncDispose]());
  beforeEach(async () => {
    cleanup = new Cleanup();
    serve = cleanup.use(await startServe(['--dns', stage.net.dns]));
  });
  afterEach(() => cleanup[Symbol.asyncDispose]());

  function openGateway(more: object = {}): Promise<ServedView> {
    const jobId = `crash-${randomBytes(4).toString('hex')}`;
    const body = {
      jobId,
      executionId: `${jobId}-e`,
      network: { Domains: ['example.com'] },
      rate: '5mbit',
      ...more,
    };
    return openServed(cleanup, serve, body);
  }

  const startContainer = (view: ServedView) => startBehind(cleanup, view);

  const status = async (container: string, url = 'http://example.com/') => {
    const args = ['curl', '-sS', '-m', '3', '-o', '/dev/null', '-w', '%{http_code}', url];
    return (await run('docker', ['exec', container, ...args])).stdout;
  };
  const networks = async () => (await docker('network', 'ls', '--format', '{{.Name}}')).split('\n');
  const view = async ({ id }: ServedView) => (await serve.ask(`/v1/gateways/${id}`)).body;

  it('kill -9: jobs reach nothing, and have their gateways back at the same address with the same policy', async () => {
    const before = await openGateway();
    const container = await startContainer(before);
    await vi.waitFor(async () => expect((await view(before)).containers).toHaveLength(1));
    const ended = await openGateway();
    await docker('rm', '-f', await startContainer(ended));
    // What no container has come for yet is kept as well: it may be on its way.
    const early = await openGateway();
    expect(await status(container)).toBe('200');

    await serve.kill();
    expect(await status(container)).toBe('000');
    // Somebody else's start leaves it all alone.
    expect((await cli(['run', '--pull', 'never', JOB_IMAGE, 'true'])).code).toBe(0);
    expect(await networks()).toEqual(expect.arrayContaining([before.network.name, early.network.name]));

    await serve.start();
    expect(await status(container)).toBe('200');
    expect(await status(container, 'http://refused.test/')).toBe('403');
    const { figures, created, reopened, containers, state, ...rest } = await view(before);
    expect(rest).toEqual(
      expect.objectContaining({
        id: before.id,
        network: before.network,
        domains: ['example.com'],
        rate: 5_000_000,
      }),
    );
    expect({ state, reopened }).toEqual({ state: 'open', reopened: true });
    // Who asks again for the same execution gets the same.
    const body = {
      jobId: rest.jobId,
      executionId: rest.executionId,
      network: { Domains: ['example.com'] },
      rate: '5mbit',
    };
    expect(await serve.ask('/v1/gateways', { body })).toMatchObject({ status: 200, body: { id: before.id } });
    expect((await view(early)).state).toBe('open');

    // And once more, now that it is taken over.
    await serve.kill();
    expect(await status(container)).toBe('000');
    await serve.start();
    expect(await status(container)).toBe('200');
  });

  it('kill -9: what has no job any more is removed by the next start', async () => {
    const unused = await openGateway();
    const container = await startContainer(unused);
    await serve.kill();
    await docker('stop', '-t', '0', container);
    expect(await networks()).toContain(unused.network.name);
    await serve.start();
    expect(await networks()).not.toContain(unused.network.name);
  });

  it('kill -9: a gateway that cannot be opened again at once is back as soon as it can', async () => {
    const gateway = await openGateway();
    const container = await startContainer(gateway);
    await serve.kill();
    const release = await takeAddress(gateway);
    await serve.start();
    // Serve works, and the job is not enforced by anything weaker meanwhile.
    expect((await serve.ask('/readyz')).status).toBe(200);
    expect((await serve.ask(`/v1/gateways/${gateway.id}`)).status).toBe(404);
    expect(await status(container)).not.toBe('200');
    await release();
    await vi.waitFor(async () => expect(await status(container)).toBe('200'));
    expect(await view(gateway)).toMatchObject({ state: 'open', reopened: true, proxy: gateway.proxy });
  });

  /** Something else has the address of a gateway, until the returned is called. */
  async function takeAddress({ network, proxy }: ServedView): Promise<() => Promise<unknown>> {
    const { hostname, port } = new URL(proxy.url);
    if (placement === 'host') {
      // The worker ends by itself, a moment after its serve.
      return vi.waitFor(async () => {
        const other = createServer((socket) => socket.destroy()).listen({
          host: '0.0.0.0',
          port: Number(port),
        });
        await once(other, 'listening');
        cleanup.add(() => other.close());
        return async () => other.close();
      });
    }
    const name = `jobgate-test-${randomBytes(4).toString('hex')}`;
    // The proxy's container ends by itself once its serve has gone.
    await vi.waitFor(
      () =>
        docker(
          'run',
          '-d',
          '--name',
          name,
          '--network',
          network.name,
          '--ip',
          hostname,
          JOB_IMAGE,
          'sleep',
          '600',
        ).catch(async (error) => {
          await docker('rm', '-f', name);
          throw error;
        }),
      { interval: 300 },
    );
    cleanup.add(() => docker('rm', '-f', name));
    return () => docker('rm', '-f', name);
  }

  it('kill -9: a container that came to break the contract meanwhile is disconnected by the next start', async () => {
    const gateway = await openGateway();
    const container = await startContainer(gateway);
    await serve.kill();
    await docker('network', 'connect', 'bridge', container);
    await serve.start();
    await vi.waitFor(async () => {
      const [info] = JSON.parse(await docker('inspect', container));
      expect(Object.keys(info.NetworkSettings.Networks)).toEqual(['bridge']);
    });
  });

  it('two starts at once: one takes over, the other refuses', async () => {
    const gateway = await openGateway();
    const container = await startContainer(gateway);
    await serve.kill();
    const [second] = await Promise.all([
      startServe(['--dns', stage.net.dns]).then((other) => cleanup.use(other)),
      serve.start(),
    ]);
    const counts = await Promise.all(
      [serve, second].map(
        async (one) =>
          (await one.ask('/v1/gateways')).body.gateways.filter(({ id }: ServedView) => id === gateway.id)
            .length,
      ),
    );
    expect(counts[0] + counts[1]).toBe(1);
    expect(await status(container)).toBe('200');
  });

  it('SIGTERM: gateways of jobs that still run stay for the next start', async () => {
    const gateway = await openGateway();
    const container = await startContainer(gateway);
    expect(await status(container)).toBe('200');
    expect(await serve.stop()).toBe(0);
    expect(await networks()).toContain(gateway.network.name);
    expect(await status(container)).toBe('000');
    await serve.start();
    expect(await status(container)).toBe('200');
  });

  it('SIGTERM: takes no more, and its own jobs end', async () => {
    const Engine = {
      Type: 'docker',
      Params: { Image: JOB_IMAGE, Parameters: ['bash', '-c', 'trap exit TERM; sleep 600 & wait'] },
    };
    const Network = { Type: 'HTTP', Domains: ['example.com'] };
    const id = `crash-${randomBytes(4).toString('hex')}`;
    await serve.stop();
    await serve.start('--drain-time', '1s');
    await serve.ask('/v1/jobs', { body: { ID: id, Tasks: [{ Name: 'main', Engine, Network }] } });
    await vi.waitFor(async () => expect((await serve.ask(`/v1/jobs/${id}`)).body.state).toBe('running'));
    const [{ network }] = (await serve.ask('/v1/gateways')).body.gateways;
    expect(await docker('ps', '-q', '--filter', `network=${network.name}`)).not.toBe('');
    expect(await serve.stop()).toBe(0);
    expect(await docker('ps', '-aq', '--filter', `network=${network.name}`)).toBe('');
    expect(await networks()).not.toContain(network.name);
  });

  it('a gateway whose container never comes is closed after a time', async () => {
    await serve.stop();
    await serve.start('--unused-after', '1s');
    const gateway = await openGateway();
    await vi.waitFor(async () => expect(await networks()).not.toContain(gateway.network.name), {
      interval: 300,
    });
    await vi.waitFor(async () => expect(await view(gateway)).toMatchObject({ state: 'closed' }));
  });

  it('a node daemon in plain shell needs curl and docker only', async () => {
    const script =
      'for h in example.com refused.test; do curl -sS -o /dev/null -w "%{http_code}\\n" http://$h/; done; exit 5';
    const ran = await run(`${projectRoot}examples/node-daemon.sh`, [
      ...[serve.socket, `shell-${randomBytes(4).toString('hex')}`, 'example.com'],
      ...[JOB_IMAGE, 'bash', '-c', script],
    ]);
    expect(ran).toMatchObject({ code: 5, stdout: '200\n403\n' });
    expect((await serve.ask('/v1/gateways')).body.gateways).toEqual([]);
  });
});
