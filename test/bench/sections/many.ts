import { setTimeout as sleep } from 'node:timers/promises';
import Dockerode from 'dockerode';
import { ensureEngine } from '../../support/engine.js';
import { ask } from '../../support/serve.js';
import type { Section } from '../context.js';
import { processCpuMs, processesOf, residentBytes } from '../cpu.js';
import type { Figure } from '../report.js';
import { startServe } from '../serve.js';

const LEVELS = [1, 100, 500, 1_000, 2_000];
/** How long an idle serve is watched, ms: its longest period is 30 s. */
const IDLE_MS = 30_000;

/** How it grows with the gateways that are open: what opening one more takes, what is kept, what it takes to keep watch. */
export const many: Section = {
  name: 'many',
  title: 'Gateways open in one serve, with a worker for each core, on one engine',
  byName: true,
  async run({ options, root, say }) {
    try {
      ensureEngine();
    } catch (error) {
      say(`many: left out, ${(error as Error).message.split('\n')[0]}`);
      return [];
    }
    const docker = new Dockerode();
    // None has a container, and none is to be closed for it.
    await using serve = await startServe(root, { workers: 2, options: ['--unused-after', '24h'] });
    const figures: Omit<Figure, 'section'>[] = [];
    const opened: string[] = [];
    const open = async (jobId: string) => {
      const from = performance.now();
      const body = { jobId, network: { Domains: ['example.com'] } };
      const answer = await ask(serve.socket, '/v1/gateways', { body });
      if (answer.status !== 201) throw new Error(`no gateway: ${JSON.stringify(answer.body)}`);
      return { id: answer.body.id as string, ms: performance.now() - from };
    };
    const close = (id: string) => ask(serve.socket, `/v1/gateways/${id}`, { method: 'DELETE' });
    let before = 0;
    try {
      for (const level of LEVELS.filter((count) => count <= (options.quick ? 100 : options.many))) {
        while (opened.length < level) opened.push((await open(`many-${opened.length}`)).id);
        say(`many: ${level} open`);
        const all: number[] = [];
        const engine: number[] = [];
        for (let i = 0; i < 10; i++) {
          const { id, ms } = await open(`one-more-${i}`);
          all.push(ms);
          await close(id);
          engine.push(await timeNetwork(docker));
        }
        const memory = processesOf(serve.pid).reduce((sum, pid) => sum + residentBytes(pid), 0);
        const cpuBefore = processesOf(serve.pid).reduce((sum, pid) => sum + processCpuMs(pid), 0);
        const health: number[] = [];
        for (const from = performance.now(); performance.now() - from < (options.quick ? 5_000 : IDLE_MS); ) {
          const asked = performance.now();
          await ask(serve.socket, '/healthz');
          health.push(performance.now() - asked);
          await sleep(100);
        }
        const idleMs = options.quick ? 5_000 : IDLE_MS;
        const cpu = processesOf(serve.pid).reduce((sum, pid) => sum + processCpuMs(pid), -cpuBefore);
        const figure = (name: string, unit: string, rounds: readonly number[]) =>
          figures.push({ name: `${level} open: ${name}`, of: 'jobgate', unit, rounds });
        figure('opening one more', 'ms', all);
        figures.push({
          name: `${level} open: a network of the engine, alone`,
          of: 'engine',
          unit: 'ms',
          rounds: engine,
        });
        if (level > 1)
          figure('memory of serve and workers, for each', 'KB', [(memory - before) / 1000 / (level - 1)]);
        else before = memory;
        figure('keeping watch', '% of a core', [(cpu * 100) / idleMs]);
        figure('/healthz at the latest', 'ms', [Math.max(...health)]);
      }
    } finally {
      for (const id of opened) await close(id);
    }
    return figures;
  },
};

/** What the engine takes for the network alone, ms. */
async function timeNetwork(docker: Dockerode): Promise<number> {
  const from = performance.now();
  const network = await docker.createNetwork({
    Name: 'jobgate-bench',
    Driver: 'bridge',
    Internal: true,
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.214.0.0/29', Gateway: '10.214.0.1' }] },
  });
  const ms = performance.now() - from;
  await network.remove();
  return ms;
}
