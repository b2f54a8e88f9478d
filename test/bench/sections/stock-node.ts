import { setTimeout as sleep } from 'node:timers/promises';
import { type Execution, nameOf, type Step, StockNode } from '../../stock-node/stock-node.js';
import { apt } from '../../support/apt.js';
import { Cleanup } from '../../support/cleanup.js';
import { docker, run } from '../../support/e2e.js';
import { buildJobImage, ensureEngine, JOB_IMAGE } from '../../support/engine.js';
import { startGate } from '../../support/gate.js';
import { offerImage } from '../../support/registry.js';
import { makeSquidGatewayImage, removeMadeByNodes } from '../../support/stock-gateway.js';
import { running } from '../../support/stock-nodes.js';
import type { Section } from '../context.js';
import { processesOf, residentBytes } from '../cpu.js';
import { collectGarbage } from '../garbage.js';
import type { Figure } from '../report.js';
import { median } from '../stats.js';

/** What comes before the network's creation, and what is told of it. */
const FROM: Step = 'gateway-image';
const TIMES: readonly [name: string, to: Step][] = [
  ["from the network's creation until the job's container is asked for", 'gateway-healthy'],
  ['until it runs', 'job-start'],
];

/** Jobs that are there before memory is looked at. */
const FEW = 5;

/** An HTTP job of a stock node: on the engine, where it starts a squid in a container, and at the gate. */
export const stockNode: Section = {
  name: 'stock-node',
  title: 'A job of a stock node: at the engine, with a squid in a container for each, and at the gate',
  byName: true,
  async run({ options, say }) {
    await using cleanup = new Cleanup();
    try {
      ensureEngine();
      buildJobImage();
      if ((await run('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v squid'])).code !== 0) {
        await apt(['install', 'squid']);
      }
      await makeSquidGatewayImage(cleanup);
    } catch (error) {
      say(`stock-node: left out, ${(error as Error).message.split('\n')[0]}`);
      return [];
    }
    cleanup.add(() => removeMadeByNodes());
    const image = await offerImage(cleanup, JOB_IMAGE);
    const gate = cleanup.use(await startGate());
    const started = async (of: string, engine: string) => {
      const node = cleanup.use(new StockNode({ engine, nodeId: of }));
      await node.start();
      return { of, node, times: TIMES.map((): number[] => []) };
    };
    const squid = await started('squid', (process.env.DOCKER_HOST ?? '').replace('unix://', ''));
    const ours = await started('jobgate', gate.socket);
    const memory: { name: string; kib: number }[] = [];

    const job = { image, command: ['sleep', '3600'], network: { Type: 'HTTP', Domains: ['example.com'] } };
    const close = async (execution: Execution) => {
      execution.cancel();
      await execution.done;
    };

    // In turns: what else the machine does is then the same for both. The first of each is not counted.
    for (let round = 0; round <= Math.max(options.rounds, 5); round++) {
      for (const { of, node, times } of [squid, ours]) {
        const execution = await running(node, job);
        if (round > 0) {
          for (const [i, [, to]] of TIMES.entries()) times[i]?.push(execution.between(FROM, to));
          if (of === 'squid') memory.push(...(await memoryOf(nameOf(execution, 'gateway'))));
        }
        await close(execution);
        await sleep(500);
      }
    }

    const many = options.quick ? 10 : 50;
    const serve = gate.serve.cli.child.pid as number;
    const held = async () => {
      await collectGarbage(serve);
      return processesOf(serve).reduce((sum, pid) => sum + residentBytes(pid), 0) / 1024;
    };
    // Each worker is there by then.
    for (let i = 0; i < FEW; i++) await running(ours.node, job);
    const before = await held();
    for (let i = 0; i < many; i++) await running(ours.node, job);
    const followed = ((await held()) - before) / many;
    ours.node.kill();
    await sleep(1_000);
    const left = ((await held()) - before) / many;

    const figures: Omit<Figure, 'section'>[] = TIMES.flatMap(([name], i) => [
      ...[squid, ours].map(({ of, times }) => ({ name, of, unit: 'ms', rounds: times[i] ?? [] })),
      ratio(name, ours.times[i], squid.times[i]),
    ]);
    for (const name of [...new Set(memory.map((one) => one.name))]) {
      const rounds = memory.flatMap((one) => (one.name === name ? one.kib : []));
      figures.push({ name, of: 'squid', unit: 'KiB', rounds });
    }
    for (const [what, kib] of [
      [`memory of serve and its workers, for each of ${many} more than ${FEW}`, followed],
      ['the same, when no node follows them in four streams', left],
    ] as const) {
      figures.push({ name: what, of: 'jobgate', unit: 'KiB', rounds: [kib] });
    }
    figures.push(ratio('memory', [followed], figures.find((one) => one.unit === 'KiB')?.rounds));
    return figures;
  },
};

const ratio = (name: string, a: readonly number[] = [], b: readonly number[] = []) => ({
  name: `${name}: jobgate to squid`,
  of: '',
  unit: '',
  rounds: [median(a) / median(b)],
});

/** What the processes of a container have of their own, and what the engine says of it, KiB. */
async function memoryOf(container: string) {
  const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', container));
  const own = processesOf(pid).reduce((sum, one) => sum + residentBytes(one), 0) / 1024;
  const said = await docker('stats', '--no-stream', '--format', '{{.MemUsage}}', container);
  const [, value, unit = ''] = /^([\d.]+)(\w+)/.exec(said) ?? [];
  const kib = Number(value) * ({ KiB: 1, MiB: 1024, GiB: 1024 ** 2 }[unit] ?? Number.NaN);
  return [
    { name: "memory of the gateway's container, its processes' own", kib: own },
    { name: "memory of the gateway's container, as docker stats has it", kib },
  ];
}
