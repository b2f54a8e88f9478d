import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type Execution, nameOf, STEPS, type Step } from '../stock-node/stock-node.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE } from '../support/e2e.js';
import { startGate, type TestGate } from '../support/gate.js';
import { offerImage } from '../support/registry.js';
import { madeByNodes } from '../support/stock-gateway.js';
import { running, startNode } from '../support/stock-nodes.js';

const HTTP = { Type: 'HTTP', Domains: ['example.com'] };
const REFUSED = "curl -sS -m 3 -o /dev/null -w '%{http_code}' http://refused.test/";
/** Whether a job that does not end comes so far. */
const isWhileItRuns = (step: Step) => STEPS.indexOf(step) < STEPS.indexOf('job-exit');

describeE2e('a stock node that is killed, at the gate', () => {
  const cleanup = new Cleanup();
  const own = new Cleanup();
  let gate: TestGate;
  let image: string;
  beforeAll(async () => {
    image = await offerImage(cleanup, JOB_IMAGE);
    gate = cleanup.use(await startGate('--unused-after', '10s'));
  });
  afterEach(() => own[Symbol.asyncDispose]());
  afterAll(() => cleanup[Symbol.asyncDispose]());

  const gateways = async () => (await gate.serve.ask('/v1/gateways')).body.gateways;
  /** What the gate has of nodes: gateways that are no containers, and networks that the engine does not have, among it. */
  const atGate = async () => {
    const listed = (...list: string[]) => gate.docker(...list, '-q', '--filter', 'label=bacalhau-executor');
    const [containers = [], networks = []] = [await listed('ps', '-a'), await listed('network', 'ls')].map(
      (text) => text.split('\n').filter(Boolean),
    );
    return { containers, networks };
  };
  const inside = (execution: Execution) =>
    gate.tryDocker(['exec', nameOf(execution, 'executor'), 'bash', '-c', REFUSED]);
  /** As an operator removes what a node has left. */
  const removeAll = async () => {
    const { containers } = await atGate();
    if (containers.length > 0) await gate.docker('rm', '-f', ...containers);
    const { networks } = await atGate();
    if (networks.length > 0) await gate.docker('network', 'rm', ...networks);
  };

  it.each(STEPS)(
    'killed after %s, what it left is enforced, and a new one runs the job again',
    async (step) => {
      const node = await startNode(own, gate.socket);
      const script = isWhileItRuns(step) ? 'while ! test -e /tmp/end; do sleep 0.2; done' : 'true';
      const job = { image, network: HTTP, command: ['bash', '-c', script] };
      const first = node.run({ ...job, stopAfter: step });
      await first.done;
      expect(first.state).toBe('lost');
      if (step === 'job-logs') {
        await vi.waitFor(async () => expect((await inside(first)).stdout).toBe('403'));
      }

      await node.start();
      const second = node.executions[1] as Execution;
      await vi.waitFor(() => expect(second.steps.map((one) => one.step)).toContain('job-start'));
      if (isWhileItRuns(step)) {
        await vi.waitFor(async () => expect((await inside(second)).stdout).toBe('403'));
        await gate.docker('exec', nameOf(second, 'executor'), 'touch', '/tmp/end');
      }
      await second.done;
      expect(second, second.message).toMatchObject({ state: 'completed', exitCode: 0 });
      expect(await madeByNodes(second.executionId)).toEqual([]);

      await removeAll();
      await vi.waitFor(async () => expect(await gateways()).toEqual([]));
      expect(await atGate()).toEqual({ containers: [], networks: [] });
      expect(await madeByNodes()).toEqual([]);
      expect(await docker('network', 'ls', '--format', '{{.Name}}')).not.toContain('jobgate-');
    },
  );

  it("a service's container is taken up again, with its gateway", async () => {
    const node = await startNode(own, gate.socket);
    const job = { image, type: 'service', command: ['sleep', '600'], network: HTTP } as const;
    const execution = await running(node, job);
    node.kill();
    await node.start();
    await vi.waitFor(() => expect(execution.steps.filter(({ step }) => step === 'job-logs')).toHaveLength(2));
    expect((await inside(execution)).stdout).toBe('403');
    expect(await gateways()).toHaveLength(1);
    execution.cancel();
    await execution.done;
    expect(await madeByNodes()).toEqual([]);
    await vi.waitFor(async () => expect(await gateways()).toEqual([]));
  });
});
