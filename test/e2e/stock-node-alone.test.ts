import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type Execution, GATEWAY_IMAGE, nameOf, type StockNodeOptions } from '../stock-node/stock-node.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { offerImage } from '../support/registry.js';
import { madeByNodes, makeGatewayImage, removeMadeByNodes } from '../support/stock-gateway.js';
import { finished, startNode } from '../support/stock-nodes.js';

const HTTP = { Type: 'HTTP', Domains: ['example.com'] };

/** What the stand-in does with an engine that is no gate: that it is what such a node is. */
describeE2e('the stand-in of a stock node, with the engine alone', () => {
  const cleanup = new Cleanup();
  const own = new Cleanup();
  let image: string;
  beforeAll(async () => {
    image = await offerImage(cleanup, JOB_IMAGE);
    await makeGatewayImage(cleanup, { command: 'echo TCP_DENIED example.org; exec sleep 600' });
  });
  afterEach(async () => {
    await own[Symbol.asyncDispose]();
    expect(await madeByNodes()).toEqual([]);
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const engine = (process.env.DOCKER_HOST ?? '').replace('unix://', '');
  const start = (options: Partial<StockNodeOptions> = {}) => {
    own.add(() => removeMadeByNodes());
    return startNode(own, engine, options);
  };

  it.each(['1.0.3', '1.4.0', '1.5.2', '1.7.0', '1.9.3'])(
    '%s runs an HTTP job and leaves nothing',
    async (version) => {
      const node = await start({ version });
      const command = ['bash', '-c', 'env; echo oh >&2; exit 3'];
      const execution = await finished(node, { image, command, env: { MINE: 'yes' }, network: HTTP });
      expect(execution, execution.message).toMatchObject({ state: 'completed', exitCode: 3, stderr: 'oh\n' });
      expect(execution.stdout).toMatch(/^http_proxy=[\d.]+:8080$/m);
      expect(execution.stdout).toMatch(/^https_proxy=[\d.]+:8080$/m);
      expect(execution.stdout).toMatch(/^MINE=yes$/m);
      const variable = `BACALHAU_EXECUTION_ID=${execution.executionId}`;
      expect(execution.stdout.includes(variable)).toBe(version >= '1.6.5');
      expect(node.log.join('\n')).toContain('stdout: TCP_DENIED example.org');
      expect(await madeByNodes(execution.executionId)).toEqual([]);
    },
  );

  it('what a job says of networks is what its container gets', async () => {
    const node = await start();
    const command = ['cat', '/proc/net/dev'];
    const interfaces = async (network?: { Type: string }, at = node) => {
      const execution = await finished(at, { image, command, ...(network && { network }) });
      expect(execution, execution.message).toMatchObject({ state: 'completed', exitCode: 0 });
      return execution.stdout;
    };
    expect(await interfaces({ Type: 'None' })).not.toContain('eth0');
    expect(await interfaces({ Type: 'Bridge' })).toContain('eth0');
    expect(await interfaces({ Type: 'Host' })).toContain('docker0');
    expect(await interfaces()).toContain('eth0');
    expect(await interfaces(undefined, await start({ version: '1.5.2' }))).not.toContain('eth0');
  });

  it('a gateway that ends fails the execution, and is left behind with its network', async () => {
    const node = await start();
    const execution = node.run({
      image,
      network: HTTP,
      onStep: (step, ids) => step === 'gateway-start' && docker('stop', '-t', '0', nameOf(ids, 'gateway')),
    });
    await execution.done;
    const message = 'setting up network: gateway container failed to start';
    expect(execution).toMatchObject({ state: 'failed', message });
    expect(await madeByNodes(execution.executionId)).toEqual([
      nameOf(execution, 'gateway'),
      nameOf(execution, 'network'),
    ]);
    expect(node.alive).toBe(true);
  });

  it('a gateway without a health check ends the process', async () => {
    const healthy = await docker('image', 'inspect', '--format', '{{.Id}}', GATEWAY_IMAGE);
    own.add(() => docker('tag', healthy, GATEWAY_IMAGE));
    await docker('tag', JOB_IMAGE, GATEWAY_IMAGE);
    const node = await start();
    const execution = await finished(node, { image, network: HTTP });
    expect(node.died).toContain('State.Health');
    expect(node.alive).toBe(false);
    expect(execution.state).toBe('lost');
  });

  it('a node that ends leaves all as it is; its next life starts the job beside, and a second time no more', async () => {
    const node = await start();
    const job = { image, command: ['sleep', '600'], network: HTTP };
    const first = await finished(node, { ...job, stopAfter: 'job-logs' });
    expect(first.state).toBe('lost');
    const left = [nameOf(first, 'executor'), nameOf(first, 'gateway'), nameOf(first, 'network')];
    expect(await madeByNodes(first.executionId)).toEqual(left);
    await node.start();
    const [, second] = node.executions as [Execution, Execution];
    expect(first).toMatchObject({ state: 'failed', message: 'Failed due to node restart' });
    expect(second.jobId).toBe(first.jobId);
    await vi.waitFor(() => expect(second.steps.at(-1)?.step).toBe('job-logs'));
    node.kill();
    expect(await madeByNodes(first.executionId)).toEqual(left);
    expect(await madeByNodes(second.executionId)).toHaveLength(3);
    await node.start();
    expect(second.message).toContain('job already executed on this node more than once');
    expect(node.executions).toHaveLength(2);
  });

  it("a service's container is taken up again, and its gateway where there is no other", async () => {
    const node = await start();
    const job = { image, type: 'service', command: ['sleep', '600'], network: HTTP } as const;
    const ran = await finished(node, { ...job, stopAfter: 'job-logs' });
    await node.start();
    const early = await finished(node, { ...job, stopAfter: 'gateway-connect' });
    await node.start();
    await vi.waitFor(() => expect(early.steps.at(-1)?.step).toBe('job-logs'));
    expect(await madeByNodes(early.executionId)).toEqual([
      nameOf(early, 'gateway'),
      nameOf(early, 'network'),
    ]);
    // Ended as a job's container, it takes what is the execution's along.
    await docker('kill', nameOf(early, 'gateway'), nameOf(ran, 'executor'));
    await Promise.all([ran.done, early.done]);
    expect([ran, early]).toMatchObject([{ exitCode: 137 }, { exitCode: 137 }]);
    expect(await madeByNodes()).toEqual([]);
  });

  it.each([
    ['1.0.3', ['node_id', 'job_id', 'spec', 'callback']],
    ['1.4.0', ['NodeID', 'Job', 'Callback']],
    ['1.5.0', ['NodeID', 'Job']],
    ['1.9.3', ['Job']],
  ])('%s asks its probe in its own form, and reads a refusal', async (version, fields) => {
    const asked: object[] = [];
    let answer: object = { shouldBid: false, reason: 'no' };
    let type = 'application/json';
    const probe = createServer(async (request, response) => {
      asked.push(JSON.parse(await text(request)));
      const body = JSON.stringify(answer);
      response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length }).end(body);
    }).listen(0, '127.0.0.1');
    own.add(() => probe.close());
    await once(probe, 'listening');
    const url = `http://127.0.0.1:${(probe.address() as AddressInfo).port}/`;
    const node = await start({ version, probe: url });
    const job = { image, command: ['true'], network: { Type: 'None' } };
    expect(await finished(node, job)).toMatchObject({ state: 'rejected', message: 'rejected bid: no' });
    answer = { shouldBid: true, reason: '' };
    expect(await finished(node, job)).toMatchObject({ state: 'completed' });
    type = 'application/json; charset=utf-8';
    answer = { shouldBid: false, reason: 'no' };
    expect(await finished(node, job)).toMatchObject({ state: 'completed' });
    expect(asked.map((body) => Object.keys(body))).toEqual([fields, fields, fields]);
  });
});
