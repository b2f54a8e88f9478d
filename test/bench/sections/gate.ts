import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildJobImage, ensureEngine, JOB_IMAGE } from '../../support/engine.js';
import { startGate } from '../../support/gate.js';
import { ask } from '../../support/serve.js';
import type { Section } from '../context.js';

const V = '/v1.41';
const LABELS = { 'jobgate.domains': 'example.com' };

/** What going through the gate costs, beside the engine alone. */
export const gate: Section = {
  name: 'gate',
  title: 'The gate, beside the engine alone',
  async run({ options, say }) {
    try {
      ensureEngine();
      buildJobImage();
    } catch (error) {
      say(`gate: left out, ${(error as Error).message.split('\n')[0]}`);
      return [];
    }
    await using through = await startGate();
    const engine = (process.env.DOCKER_HOST ?? '').replace('unix://', '');
    const rounds = Math.max(options.rounds, 5);
    const body = { Image: JOB_IMAGE, Cmd: ['sleep', '600'] };
    const { Id } = (await through.ask(`${V}/containers/create`, { body })).body;
    const inspect = `${V}/containers/${Id}/json`;
    const each = async (work: () => Promise<number>) => {
      const times: number[] = [];
      for (let i = 0; i < rounds; i++) times.push(await work());
      return times;
    };
    const sockets = [
      { of: 'engine', socket: engine },
      { of: 'jobgate', socket: through.socket },
    ];
    const figures = [];
    for (const { of, socket } of sockets) {
      const agent = new Agent({ keepAlive: true });
      await median(200, () => fetched(socket, inspect, agent)); // warm
      const inspects = await each(() => median(200, () => fetched(socket, inspect, agent)));
      figures.push({ name: 'inspect, one after the other', of, unit: 'ms', rounds: inspects });
      const many = await each(() =>
        timed(() => Promise.all(Array.from({ length: 200 }, () => ask(socket, inspect)))),
      );
      figures.push({ name: '200 clients at once inspect', of, unit: 'ms', rounds: many });
      const streamed = await each(() => rateOf(socket, Id));
      figures.push({ name: 'copying out', of, unit: 'MB/s', rounds: streamed });
      agent.destroy();
    }
    let id = '';
    const started = async (socket: string, more: object) => {
      const ms = await timed(async () => {
        const made = await ask(socket, `${V}/containers/create`, { body: { ...body, ...more } });
        if (made.status !== 201) throw new Error(`no container: ${JSON.stringify(made.body)}`);
        id = made.body.Id;
        await ask(socket, `${V}/containers/${id}/start`, { method: 'POST' });
      });
      await ask(socket, `${V}/containers/${id}?force=1`, { method: 'DELETE' });
      // The engine is busy with its network until then.
      while ((await through.serve.ask('/v1/gateways')).body.gateways.length > 0) await sleep(20);
      await sleep(200);
      return ms;
    };
    const HostConfig = { NetworkMode: 'none' };
    // In turns: what else the machine does is then the same for both.
    const alone = sockets.map(({ of }) => ({
      name: 'create and start, no network',
      of,
      unit: 'ms',
      rounds: [] as number[],
    }));
    for (let i = 0; i < rounds; i++) {
      for (const [at, { socket }] of sockets.entries())
        alone[at]?.rounds.push(await started(socket, { HostConfig }));
    }
    figures.push(...alone);
    const bridged = await each(() => started(engine, {}));
    figures.push({ name: 'create and start, on a network', of: 'engine', unit: 'ms', rounds: bridged });
    // A gateway alone, as the API opens one.
    const opened = await each(async () => {
      let gateway = '';
      const network = { Domains: ['example.com'] };
      const ms = await timed(async () => {
        const answer = await through.serve.ask('/v1/gateways', { body: { jobId: 'bench', network } });
        gateway = answer.body.id;
      });
      await through.serve.ask(`/v1/gateways/${gateway}`, { method: 'DELETE' });
      return ms;
    });
    figures.push({ name: 'a gateway alone', of: 'jobgate', unit: 'ms', rounds: opened });
    const withGateway = await each(() => started(through.socket, { Labels: LABELS }));
    figures.push({
      name: 'create and start, on a network with a gateway of its own',
      of: 'jobgate',
      unit: 'ms',
      rounds: withGateway,
    });
    return figures;
  },
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function median(count: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await timed(work));
  return times.sort((a, b) => a - b)[count >> 1] ?? 0;
}

function fetched(socketPath: string, path: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path, agent }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve(bytes));
    }).on('error', reject);
  });
}

/** The job image's programs, some 100 MB as one archive. */
async function rateOf(socketPath: string, id: string): Promise<number> {
  const start = performance.now();
  const agent = new Agent();
  const bytes = await fetched(socketPath, `${V}/containers/${id}/archive?path=/usr/bin`, agent);
  return bytes / 1000 / (performance.now() - start);
}
