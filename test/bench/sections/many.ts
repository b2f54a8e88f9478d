import { setTimeout as sleep } from 'node:timers/promises';
import Dockerode from 'dockerode';
import { ensureEngine } from '../../support/engine.js';
import { ask } from '../../support/serve.js';
import { allowed, startJobgate } from '../contender.js';
import type { Context, Section } from '../context.js';
import { processCpuMs, processesOf, residentBytes } from '../cpu.js';
import type { Figure } from '../report.js';
import { startServe } from '../serve.js';
import { median } from '../stats.js';

const LEVELS = [1, 100, 500, 1_000, 2_000];
/** Jobs that download at once, each at its rate: more of them are too many for two cores, with what they load from. */
const SATURATED = [1, 100, 500];
/** Of each, bit/s. */
const RATE = 10_000_000;
/** How long an idle serve is watched, ms: its longest period is 30 s. */
const IDLE_MS = 30_000;

/**
 * How it grows with the gateways that are open: what opening one more takes, what is kept, what it takes to keep watch; and
 * what jobs get of their rate when all of them download at once.
 */
export const many: Section = {
  name: 'many',
  title: 'Gateways open in one serve, with a worker for each core, on one engine',
  byName: true,
  async run(context) {
    const { options, root, say } = context;
    const figures = await saturated(context);
    try {
      ensureEngine();
    } catch (error) {
      say(`many: no gateways, ${(error as Error).message.split('\n')[0]}`);
      return figures;
    }
    const docker = new Dockerode();
    // None has a container, and none is to be closed for it.
    await using serve = await startServe(root, { workers: 2, options: ['--unused-after', '24h'] });
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

/** Downloads of many jobs at the same time, in two workers as serve has them: what each gets, and what all of it takes. */
async function saturated({ options, root, load, origins, say }: Context): Promise<Omit<Figure, 'section'>[]> {
  const figures: Omit<Figure, 'section'>[] = [];
  const levels = SATURATED.filter((count) => count <= options.many);
  await using child = startJobgate(undefined);
  const open = { root, jobs: Math.max(...levels), rate: RATE, allow: allowed(origins), workers: 2 };
  const ports = await child.call('openJobs', open);
  const pids = processesOf(child.pid);
  for (const level of levels) {
    say(`many: ${level} saturated`);
    const flows = ports.slice(0, level).map((proxy) => ({
      via: { host: 'bench.test', proxy },
      direction: 'down' as const,
      connections: 1,
    }));
    const ms = options.quick ? 2_000 : 8_000;
    const { connections, cpu } = await load.call('rates', { flows, warmMs: 5_000, ms, pids });
    const right = (RATE / 8 / 1000) * ms;
    const shares = connections.map(([bytes = 0]) => (bytes * 100) / right);
    const figure = (name: string, unit: string, value: number) =>
      figures.push({ name: `${level} saturated: ${name}`, of: 'jobgate', unit, rounds: [value] });
    figure('what the worst job gets', '% of its rate', Math.min(...shares));
    figure('what the median job gets', '% of its rate', median(shares));
    figure('two workers and what has them', '% of a core', cpu);
    figure('each', '% of a core', cpu / level);
  }
  return figures;
}

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
