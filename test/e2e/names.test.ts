import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { spec } from '../admission/jobs.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, JOB_IMAGE } from '../support/e2e.js';
import { newName, startGate, type TestGate } from '../support/gate.js';
import { offerImage } from '../support/registry.js';
import { running, startNode } from '../support/stock-nodes.js';

const LABEL = ['--label', 'jobgate.domains=example.com'];
const SLEEP = [JOB_IMAGE, 'sleep', '600'];

describeE2e('what people call a job', () => {
  const cleanup = new Cleanup();
  let gate: TestGate;
  beforeAll(async () => {
    gate = cleanup.use(await startGate());
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const names = async (): Promise<string[]> =>
    (await gate.serve.ask('/v1/gateways')).body.gateways.map(({ name }: { name: string }) => name);
  const restart = async () => {
    await gate.serve.stop();
    await gate.serve.start();
  };

  it('is what a client of the gate calls its container or network, else what the engine does; the next serve knows it', async () => {
    const [given, network] = [newName('given'), newName('network')];
    await gate.docker('run', '-d', '--name', given, ...LABEL, ...SLEEP);
    await gate.docker('network', 'create', ...LABEL, network);
    const unnamed = await gate.docker('run', '-d', ...LABEL, ...SLEEP);
    const engines = (await gate.docker('inspect', '--format', '{{.Name}}', unnamed)).slice(1);
    const all = [given, network, engines].sort();
    await vi.waitFor(async () => expect((await names()).sort()).toEqual(all));
    await restart();
    await vi.waitFor(async () => expect((await names()).sort()).toEqual(all));
    await gate.docker('rm', '-f', given, unnamed);
    await gate.docker('network', 'rm', network);
    await vi.waitFor(async () => expect(await names()).toEqual([]));
  });

  it("of a Bacalhau node's job is what its admission was told; the next serve knows it", async () => {
    const image = await offerImage(cleanup, JOB_IMAGE);
    const node = await startNode(cleanup, gate.socket);
    const network = { Type: 'HTTP', Domains: ['example.com'] };
    const job = { image, network, command: ['sleep', '600'] };
    const Job = spec({ Network: network }, { ID: 'j-told', Name: 'Weather' });
    await gate.serve.ask('/v1/admission', { body: { Job } });
    await running(node, { ...job, jobId: 'j-told' });
    await running(node, { ...job, jobId: 'j-not-told' });
    expect((await names()).sort()).toEqual(['Weather', 'j-not-told']);
    await restart();
    await vi.waitFor(async () => expect((await names()).sort()).toEqual(['Weather', 'j-not-told']));
  });
});
