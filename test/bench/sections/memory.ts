import { setTimeout as sleep } from 'node:timers/promises';
import { allowed, startJobgate } from '../contender.js';
import type { Context, Section } from '../context.js';
import { residentBytes } from '../cpu.js';

/** Two descriptors each, on both sides: below the 20,000 that a process often has at most. */
const IDLE = 9_000;
const STALLED = 1_000;
const RATES = [
  ['1 Gbit/s', 1_000_000_000], // has the kernel's buffers full in a second
  ['unlimited', null],
] as const;

export const memory: Section = {
  name: 'memory',
  title: 'Memory that a tunnel takes (the process with its tunnels, less the process before)',
  async run(context) {
    const figures = [];
    for (const [name, rate] of RATES) {
      const held = context.options.quick ? 3_000 : IDLE;
      const idle: number[] = [];
      const stalled: number[] = [];
      const growth: number[] = [];
      for (let i = 0; i < context.options.rounds; i++) {
        idle.push(await measure(context, rate, 'hold', held));
      }
      for (let i = 0; i < context.options.rounds; i++) {
        stalled.push(
          await measure(context, rate, 'stall', STALLED, (later) => {
            growth.push(later);
          }),
        );
      }
      figures.push(
        { name: `idle, ${held} open, ${name}`, of: 'jobgate', unit: 'KiB', rounds: idle },
        { name: `stalled reader, ${STALLED} open, ${name}`, of: 'jobgate', unit: 'KiB', rounds: stalled },
        { name: `the same 2 s later, ${name}`, of: 'jobgate', unit: 'KiB', rounds: growth },
      );
    }
    return figures;
  },
};

/** KiB for each tunnel. */
async function measure(
  { root, cores, load, origins }: Context,
  rate: number | null,
  kind: 'hold' | 'stall',
  count: number,
  later?: (kib: number) => void,
): Promise<number> {
  await using child = startJobgate(cores?.measured, ['--expose-gc']);
  const [proxy] = await child.call('openJobs', { root, jobs: 1, rate, allow: allowed(origins) });
  const via = { host: 'bench.test', proxy };
  // The first ones bring code and buffers with them that stay.
  await load.call('hold', { via, count: 100 });
  await load.call('release');
  const settled = async () => {
    await sleep(500);
    await child.call('collect');
    await sleep(200);
    return residentBytes(child.pid);
  };
  const before = await settled();
  await load.call(kind, { via, count });
  const each = async () => ((await settled()) - before) / count / 1024;
  const result = await each();
  if (later) {
    await sleep(2000);
    later(await each());
  }
  await load.call('release');
  return result;
}
