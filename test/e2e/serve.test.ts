import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { cli, startCli } from '../support/cli.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { placement } from '../support/placement.js';
import { ask, open, type Serve, startServe } from '../support/serve.js';
import { type Stage, startStage } from '../support/stage.js';

describeE2e('jobgate serve', () => {
  const suite = new Cleanup();
  let cleanup = new Cleanup();
  let stage: Stage;
  let serve: Serve;
  beforeAll(async () => {
    stage = suite.use(await startStage({ 'example.com': {}, 'other.example.org': {} }));
    serve = suite.use(await startServe(['--dns', stage.net.dns]));
  });
  afterAll(() => suite[Symbol.asyncDispose]());
  afterEach(async () => {
    await cleanup[Symbol.asyncDispose]();
    cleanup = new Cleanup();
  });

  const newId = (name: string) => `${name}-${randomBytes(4).toString('hex')}`;

  async function openGateway(jobId = newId('job'), domains = ['example.com']) {
    const answer = await serve.ask('/v1/gateways', { body: { jobId, network: { Domains: domains } } });
    const { id } = answer.body;
    cleanup.add(() => serve.ask(`/v1/gateways/${id}`, { method: 'DELETE' }));
    return answer;
  }

  /** Starts a container that does nothing with these options. */
  async function startContainer(options: readonly string[]): Promise<string> {
    const name = newId('jobgate-test');
    cleanup.add(() => docker('rm', '-f', name));
    await docker('run', '-d', '--name', name, ...options, JOB_IMAGE, 'sleep', '600');
    return name;
  }

  const status = async (container: string, url: string) => {
    const args = ['curl', '-sS', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', url];
    return (await run('docker', ['exec', container, ...args])).stdout;
  };
  const view = async (id: string) => (await serve.ask(`/v1/gateways/${id}`)).body;
  const networks = async () => (await docker('network', 'ls', '--format', '{{.Name}}')).split('\n');

  it('listens on a socket that its owner alone may use', async () => {
    expect(statSync(serve.socket).mode & 0o777).toBe(0o600);
    expect((await serve.ask('/healthz')).body).toEqual({ status: 'ok' });
    expect((await serve.ask('/readyz')).body).toEqual({ ready: true });
  });

  it('refuses to start on the socket of a live serve', async () => {
    const second = await cli(['serve', '--listen', `unix:${serve.socket}`]);
    expect(second).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('another program listens there'),
    });
    expect((await serve.ask('/healthz')).status).toBe(200);
  });

  it('a daemon starts its container with what it was given, and the container is enforced', async () => {
    const { status: created, body } = await openGateway();
    expect(created).toBe(201);
    const container = await startContainer(body.docker);
    expect(await status(container, 'http://example.com/')).toBe('200');
    expect(await status(container, 'http://other.example.org/')).toBe('403');
    const direct = [
      'curl',
      '-sS',
      '-m',
      '5',
      '--noproxy',
      '*',
      `http://${stage.net.addresses['example.com']}/`,
    ];
    expect((await run('docker', ['exec', container, ...direct])).code).not.toBe(0);

    const { containers, figures } = await view(body.id);
    expect(containers).toMatchObject([{ name: container, enforced: true, breaches: [] }]);
    expect(figures).toMatchObject({ allowed: 1, denied: 1 });
    expect(figures.hosts).toContainEqual({
      ...{ host: 'other.example.org', registrable: 'example.org', up: 0, down: 0 },
      port: 80,
      allowed: 0,
      denied: { 'domain-not-allowed': 1 },
    });
    expect(figures.down).toBeGreaterThan(0);
  });

  it('gives the same to who asks again, also at the same time, and refuses another policy for the same id', async () => {
    const jobId = newId('same');
    const all = await Promise.all([openGateway(jobId), openGateway(jobId), openGateway(jobId)]);
    expect(new Set(all.map(({ body }) => body.id)).size).toBe(1);
    expect(all.map((one) => one.status).sort()).toEqual([200, 200, 201]);
    expect((await openGateway(jobId, ['example.net'])).status).toBe(409);
    const body = { jobId, executionId: 'another', network: { Domains: ['example.net'] } };
    const execution = await serve.ask('/v1/gateways', { body });
    expect(execution.status).toBe(201);
    expect((await serve.ask(`/v1/gateways/${execution.body.id}`, { method: 'DELETE' })).status).toBe(200);
  });

  it('closes on DELETE: network and proxy are gone', async () => {
    const { body } = await openGateway();
    expect(await networks()).toContain(body.network.name);
    const closed = await serve.ask(`/v1/gateways/${body.id}?drain=1s`, { method: 'DELETE' });
    expect(closed).toMatchObject({ status: 200, body: { state: 'closed' } });
    expect(await networks()).not.toContain(body.network.name);
    // For a time it says how it ended.
    expect((await serve.ask(`/v1/gateways/${body.id}`)).body.state).toBe('closed');
    expect((await serve.ask(`/v1/gateways/${body.id}/docker`)).status).toBe(404);
  });

  it('leaves nothing half-open where the request is not valid', async () => {
    const before = await networks();
    const answer = await serve.ask('/v1/gateways', {
      body: { jobId: 'a b', network: { Domains: ['*.example.com', 5] }, rate: 'fast', more: 1 },
    });
    expect(answer.status).toBe(400);
    expect(answer.body.problems.map(({ path }: { path: string }) => path)).toEqual(
      expect.arrayContaining(['jobId', 'network.Domains[0]', 'network.Domains[1]', 'rate', 'more']),
    );
    expect(
      (
        await serve.ask('/v1/gateways', {
          body: { jobId: 'x', network: { Domains: ['a.com'] }, rate: '1gbit' },
        })
      ).status,
    ).toBe(403);
    expect((await serve.ask('/v1/gateways', { body: { jobId: 'x', pad: 'x'.repeat(1 << 20) } })).status).toBe(
      413,
    );
    expect(await networks()).toEqual(before);
  });

  it.skipIf(placement === 'container')(
    'leaves nothing half-open where the gateway cannot be opened, and opens it once it can',
    async () => {
      const before = await networks();
      const jobId = newId('taken');
      const other = createServer();
      cleanup.add(() => other.close());
      await once(other.listen(13128, '0.0.0.0'), 'listening');
      expect(await openGateway(jobId)).toMatchObject({
        status: 503,
        body: { error: 'unavailable', message: expect.stringContaining('port 13128') },
      });
      expect(await networks()).toEqual(before);
      expect((await serve.ask('/v1/gateways')).body.gateways).toEqual([]);
      await new Promise((resolve) => other.close(resolve));
      expect((await openGateway(jobId)).status).toBe(201);
    },
  );

  it.each([
    ['is on another network', async (name: string) => docker('network', 'connect', 'bridge', name), []],
    ['has NET_RAW', undefined, ['--cap-add=NET_RAW']],
    ['has NET_ADMIN', undefined, ['--cap-add=NET_ADMIN']],
    ['has another DNS server', undefined, ['--dns=192.0.2.1']],
    ['mounts the engine', undefined, ['-v', '/run:/host-run']],
  ])('disconnects a container that %s, and says so', async (_what, after, options) => {
    const { body } = await openGateway();
    const events = await open(serve.socket, `/v1/events?types=gateway&gateway=${body.id}`);
    let seen = '';
    events.setEncoding('utf8').on('data', (chunk: string) => {
      seen += chunk;
    });
    cleanup.add(() => events.destroy());
    const container = await startContainer([...body.docker, ...options]);
    if (after) {
      await vi.waitFor(async () => expect((await view(body.id)).containers).toHaveLength(1));
      await after(container);
    }
    await vi.waitFor(() => expect(seen).toContain('"change":"contract-broken"'), { interval: 100 });
    const [info] = JSON.parse(await docker('inspect', container));
    expect(info.NetworkSettings.Networks[body.network.name]).toBeUndefined();
    expect(await status(container, 'http://example.com/')).not.toBe('200');
  });

  it('runs jobs itself: state, output, result', async () => {
    const id = newId('own');
    const job = {
      ID: id,
      Name: 'own',
      Type: 'batch',
      Count: 1,
      Tasks: [
        {
          Name: 'main',
          Engine: {
            Type: 'docker',
            Params: {
              Image: JOB_IMAGE,
              Entrypoint: ['bash', '-c'],
              Parameters: [
                'curl -sS -o /dev/null -w "%{http_code}\\n" http://example.com/ http://refused.test/; exit 3',
              ],
            },
          },
          Network: { Type: 'HTTP', Domains: ['example.com'] },
        },
      ],
    };
    const started = await serve.ask('/v1/jobs', { body: job });
    expect(started).toMatchObject({ status: 202, body: { id, state: 'starting' } });
    const followed = await serve.ask(`/v1/jobs/${id}/logs?follow=1`);
    expect(followed.body).toContain('200\n');
    await vi.waitFor(async () => expect((await serve.ask(`/v1/jobs/${id}`)).body.state).toBe('ended'));
    expect((await serve.ask(`/v1/jobs/${id}`)).body.result).toMatchObject({
      how: 'exited',
      exitCode: 3,
      denials: [{ host: 'refused.test', port: 80, reason: 'domain-not-allowed', count: 1 }],
    });
    expect((await serve.ask('/v1/jobs', { body: job })).status).toBe(200);
    expect((await serve.ask('/v1/jobs', { body: { ...job, Name: 'other' } })).status).toBe(409);
    expect((await serve.ask(`/v1/jobs/${id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await serve.ask(`/v1/jobs/${id}`)).status).toBe(404);
  });

  it('stops a job on DELETE', async () => {
    const id = newId('stop');
    const Engine = {
      Type: 'docker',
      Params: { Image: JOB_IMAGE, Parameters: ['bash', '-c', 'trap exit TERM; sleep 600 & wait'] },
    };
    const body = { ID: id, Tasks: [{ Name: 'main', Engine, Network: { Type: 'None' } }] };
    expect((await serve.ask('/v1/jobs', { body })).status).toBe(202);
    await vi.waitFor(async () => expect((await serve.ask(`/v1/jobs/${id}`)).body.state).toBe('running'));
    const stopped = await serve.ask(`/v1/jobs/${id}`, { method: 'DELETE' });
    expect(stopped.body).toMatchObject({ state: 'ended', result: { how: 'stopped' } });
  });

  it('counts without host names in labels', async () => {
    const { body } = await openGateway();
    const container = await startContainer(body.docker);
    await status(container, 'http://one.example.net/');
    const { body: metrics } = await serve.ask('/metrics');
    expect(metrics).toMatch(/jobgate_decisions_total\{decision="deny",reason="domain-not-allowed"\} [1-9]/);
    expect(metrics).toMatch(/jobgate_bytes_total\{direction="down"\} [1-9]/);
    expect(metrics).not.toContain('example.net');
  });

  it('cannot be asked by a job, nor through its proxy, also where the operator excepts its address', async () => {
    // Of the engine's default bridge.
    const subnet = await docker(
      'network',
      'inspect',
      'bridge',
      '--format',
      '{{(index .IPAM.Config 0).Subnet}}',
    );
    const node = subnet.replace(/\d+\/\d+$/, '1');
    const other = createServer((_request, response) => response.end('ok'));
    cleanup.add(() => other.close());
    await once(other.listen(0, '0.0.0.0'), 'listening');
    const { port: otherPort } = other.address() as AddressInfo;
    const folder = mkdtempSync(join(tmpdir(), 'jobgate-token-'));
    cleanup.add(() => rmSync(folder, { recursive: true }));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'a-token-of-some-length\n', { mode: 0o600 });
    const on = startCli([
      ...['serve', '--listen', '0.0.0.0:0', '--token-file', tokenFile, '--dns', stage.net.dns],
      ...['--allow-address', '0.0.0.0/0'],
    ]);
    cleanup.add(async () => {
      on.child.kill('SIGTERM');
      await on.done;
    });
    await on.printed('listening');
    const api = Number(/:(\d+)\n/.exec(on.stdout)?.[1]);
    expect((await fetch(`http://${node}:${api}/healthz`)).status).toBe(200);

    const headers = { authorization: 'Bearer a-token-of-some-length' };
    const Domains = [`${node}:${api}`, `${node}:${otherPort}`];
    const { body } = await ask(api, '/v1/gateways', {
      headers,
      body: { jobId: newId('api'), network: { Domains } },
    });
    cleanup.add(() => ask(api, `/v1/gateways/${body.id}`, { method: 'DELETE', headers }));
    const container = await startContainer(body.docker);
    expect(await status(container, `http://${node}:${otherPort}/`)).toBe('200');
    expect(await status(container, `http://${node}:${api}/healthz`)).toBe('403');
    for (const host of [
      node,
      new URL(body.proxy.url).hostname,
      body.network.subnet.replace(/\d+\/\d+$/, '1'),
    ]) {
      const direct = ['curl', '-sSf', '-m', '5', '--noproxy', '*', `http://${host}:${api}/healthz`];
      expect((await run('docker', ['exec', container, ...direct])).code).not.toBe(0);
    }
  });
});
