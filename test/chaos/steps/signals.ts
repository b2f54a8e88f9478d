import type { World } from '../world.js';
import {
  CONTAINER_MS,
  type Draw,
  ENGINE_MS,
  inSeconds,
  pick,
  SERVE_MS,
  sleep,
  time,
  WORKER_MS,
} from './step.js';

const SIGNALS = ['SIGKILL', 'SIGSTOP', 'SIGTERM'] as const;

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {} // gone
}

/** A signal for one of some processes; one that is stopped goes on after at most so many ms. */
const oneOf =
  (
    pids: (world: World) => readonly number[] | Promise<readonly number[]>,
    most: number,
    withinMs: number,
  ): Draw =>
  (below) => {
    const [signal, index, ms] = [pick(below, SIGNALS), below(4), time(below, 500, most)];
    return {
      what: `${signal}#${index}${signal === 'SIGSTOP' ? ` ${inSeconds(ms)}` : ''}`,
      withinMs,
      async run({ world }) {
        const all = await pids(world);
        const pid = all[index % all.length];
        if (pid === undefined) return;
        send(pid, signal);
        if (signal !== 'SIGSTOP') return;
        await sleep(ms);
        send(pid, 'SIGCONT');
      },
    };
  };

const serve: Draw = (below) => {
  const [signal, ms] = [pick(below, SIGNALS), time(below, 500, 8_000)];
  return {
    what: `${signal}${signal === 'SIGSTOP' ? ` ${inSeconds(ms)}` : ''}`,
    withinMs: SERVE_MS,
    async run({ world }) {
      const { pid } = world.serve;
      world.serve.signal(signal);
      if (signal !== 'SIGSTOP') return;
      await sleep(ms);
      if (pid) send(pid, 'SIGCONT');
    },
  };
};

const engine: Draw = (below) => {
  const [signal, live, ms] = [pick(below, SIGNALS), below(2) === 0, time(below, 100, 5_000)];
  return {
    what: `${signal}${signal === 'SIGSTOP' ? '' : live ? ' live-restore' : ' jobs end'} ${inSeconds(ms)}`,
    withinMs: ENGINE_MS,
    async run({ world }) {
      await (signal === 'SIGSTOP' ? world.engine.pause(ms) : world.engine.restart(signal, live, ms));
    },
  };
};

export const signals: Readonly<Record<string, Draw>> = {
  worker: oneOf(({ serve }) => serve.workers(), 5_000, WORKER_MS),
  'container-worker': oneOf((world) => world.proxyContainers(), 13_000, CONTAINER_MS),
  serve,
  engine,
};
