import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { nameOf, type Step, StockNode } from '../stock-node/stock-node.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate, type TestGate } from '../support/gate.js';
import { offerImage } from '../support/registry.js';

const HTTP = { Type: 'HTTP', Domains: ['example.com'] };
const LASTING = ['bash', '-c', 'exec sleep 600'];

describeE2e('ends and starts round a stock node', () => {
  const suite = new Cleanup();
  let image: string;
  beforeAll(async () => {
    image = await offerImage(suite, JOB_IMAGE);
  });
  afterAll(() => suite[Symbol.asyncDispose]());

  async function start(cleanup: Cleanup, ...options: string[]) {
    const gate = cleanup.use(await startGate(...options));
    const node = cleanup.use(new StockNode({ engine: gate.socket, nodeId: newName('n'), pollMs: 200 }));
    await node.start();
    return { gate, node };
  }
  function abandonedAfter(cleanup: Cleanup, time: string): string[] {
    const folder = mkdtempSync(join(tmpdir(), 'jobgate-node-'));
    cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'node.yaml');
    writeFileSync(file, `Gate: {AbandonedAfter: ${time}}\n`);
    return ['--config', file];
  }
  const gateways = async (gate: TestGate) => (await gate.serve.ask('/v1/gateways')).body.gateways;
  const abandoned = async (gate: TestGate) => (await gate.serve.ask('/v1/abandoned')).body.abandoned;
  const names = async (ask: typeof docker, nodeId: string) => {
    const filter = ['--filter', `label=bacalhau-executor=bacalhau-${nodeId}`, '--format'];
    const both = await Promise.all([
      ask('ps', '-a', ...filter, '{{.Names}}'),
      ask('network', 'ls', ...filter, '{{.Name}}'),
    ]);
    return both.flatMap((text) => text.split('\n').filter(Boolean)).sort();
  };
  /** What the gateway says to a host that is not allowed. */
  const refused = (container: string) =>
    docker(
      'exec',
      container,
      'curl',
      '-sS',
      '-m',
      '5',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      'http://no.test/',
    );

  it('a job whose node and serve have ended has its gateway back, and goes by what a node looks for', async () => {
    await using cleanup = new Cleanup();
    const { gate, node } = await start(cleanup);
    const one = node.run({ image, command: LASTING, network: HTTP });
    await vi.waitFor(() => expect(one.steps.map(({ step }) => step)).toContain('job-logs'));
    const executor = nameOf(one, 'executor');
    expect(await refused(executor)).toBe('403');
    const before = await gate.docker('inspect', '--format', '{{.Id}}', nameOf(one, 'gateway'));
    node.kill();
    await gate.serve.kill();
    await gate.serve.start();

    await vi.waitFor(async () => expect(await refused(executor)).toBe('403'));
    const all = ['executor', 'gateway', 'network'].map((part) => nameOf(one, part as 'executor'));
    expect(await names(gate.docker, one.nodeId)).toEqual(all);
    const format = '{{.Id}} {{.State.Health.Status}}';
    expect(await gate.docker('inspect', '--format', format, all[1] as string)).toBe(`${before} healthy`);
    // As a node tears down.
    await gate.docker('rm', '-f', executor);
    expect(await gateways(gate)).toHaveLength(1);
    await gate.docker('rm', '-f', all[1] as string);
    expect(await gateways(gate)).toEqual([]);
    await gate.docker('network', 'rm', all[2] as string);
    for (const ask of [gate.docker, docker]) expect(await names(ask, one.nodeId)).toEqual([]);
  });

  it.each<Step>(['network-create', 'gateway-create', 'gateway-start', 'job-create', 'job-start'])(
    'serve is killed behind %s: the job is run again, and nothing stays of the first time',
    async (step) => {
      await using cleanup = new Cleanup();
      const { gate, node } = await start(cleanup, '--unused-after', '15s', ...abandonedAfter(cleanup, '3s'));
      const onStep = async (at: Step) => {
        if (at === step) await gate.serve.kill();
      };
      const first = node.run({ image, command: ['true'], network: HTTP, onStep });
      await first.done;
      expect(first.state).toBe('failed');
      node.kill();
      await gate.serve.start();
      await node.start();
      const again = node.run({ image, command: ['true'], network: HTTP });
      await again.done;
      expect(again, again.message).toMatchObject({ state: 'completed', exitCode: 0 });
      await vi.waitFor(async () => {
        expect(await names(docker, first.nodeId)).toEqual([]);
        expect(await names(gate.docker, first.nodeId)).toEqual([]);
        expect(await gateways(gate)).toEqual([]);
      });
    },
  );

  it('what a node left is enforced and told, then removed, and what a node follows is not', async () => {
    await using cleanup = new Cleanup();
    const { gate, node } = await start(cleanup, ...abandonedAfter(cleanup, '20s'));
    const left = node.run({ image, command: LASTING, network: HTTP });
    const offline = node.run({ image, command: LASTING, network: { Type: 'None' } });
    const isUp = () => {
      for (const { steps } of [left, offline]) expect(steps.map(({ step }) => step)).toContain('job-logs');
    };
    await vi.waitFor(isUp);
    node.kill();
    const other = cleanup.use(new StockNode({ engine: gate.socket, nodeId: newName('n'), pollMs: 200 }));
    await other.start();
    const followed = other.run({ image, command: LASTING, network: HTTP });
    await vi.waitFor(async () => expect(await abandoned(gate)).toHaveLength(2));
    expect((await abandoned(gate)).map(({ job }: { job: string }) => job).sort()).toEqual(
      [left.jobId, offline.jobId].sort(),
    );
    expect(await refused(nameOf(left, 'executor'))).toBe('403');
    const shown = (await gateways(gate)).map((one: { jobId: string; abandonedSince?: string }) => [
      one.jobId,
      one.abandonedSince !== undefined,
    ]);
    expect(Object.fromEntries(shown)).toEqual({ [left.jobId]: true, [followed.jobId]: false });
    // In the end they are removed, with the gateway of the one that has one.
    await vi.waitFor(async () => expect(await names(docker, left.nodeId)).toEqual([]));
    expect(await abandoned(gate)).toEqual([]);
    expect(await names(docker, followed.nodeId)).toHaveLength(2);
    expect(await refused(nameOf(followed, 'executor'))).toBe('403');
  });
});
