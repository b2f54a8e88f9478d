import { allowed, startJobgate } from '../contender.js';
import type { Section } from '../context.js';
import type { RateResult } from '../load/rates.js';
import { jain, type Trace, windows } from '../stats.js';

const RATE = 10_000_000;
const BYTES_PER_MS = RATE / 8 / 1000;

/** Largest deviation of any window from the rate, % of it. */
function deviation(trace: Trace, ms: number): number {
  const { least, most } = windows(trace, ms);
  const right = BYTES_PER_MS * ms;
  return (Math.max(most - right, right - least) * 100) / right;
}

/** How exact the limit is, and how fair. All windows after the first second. */
export const limiter: Section = {
  name: 'limiter',
  title: 'The limit at 10 Mbit/s: windows at their worst place, after the first second',
  async run({ options, root, cores, load, origins }) {
    await using child = startJobgate(cores?.measured);
    const open = { root, jobs: 3, rate: RATE, allow: allowed(origins) };
    const [down, up, many] = await child.call('openJobs', open);
    const flow = (proxy: number | undefined, direction: 'down' | 'up', connections: number) => ({
      via: { host: 'bench.test', proxy },
      direction,
      connections,
    });
    const flows = [flow(down, 'down', 1), flow(up, 'up', 1), flow(many, 'down', 16)];
    const results: RateResult[] = [];
    for (let i = 0; i < options.rounds; i++) {
      const ms = options.quick ? 6000 : 10_000;
      results.push(await load.call('rates', { flows, warmMs: 1000, ms, pids: [child.pid] }));
    }
    const worst = (index: number, ms: number) =>
      results.map(({ traces }) => deviation(traces[index] as Trace, ms));
    return [
      { name: 'any 1 s, download', of: 'jobgate', unit: '% off', rounds: worst(0, 1000) },
      { name: 'any 5 s, download', of: 'jobgate', unit: '% off', rounds: worst(0, 5000) },
      { name: 'any 1 s, upload', of: 'jobgate', unit: '% off', rounds: worst(1, 1000) },
      { name: 'any 5 s, upload', of: 'jobgate', unit: '% off', rounds: worst(1, 5000) },
      { name: 'any 5 s, 16 downloads', of: 'jobgate', unit: '% off', rounds: worst(2, 5000) },
      {
        name: "fairness of 16 downloads (Jain's index)",
        of: 'jobgate',
        unit: '',
        rounds: results.map(({ connections }) => jain(connections[2] ?? [])),
      },
    ];
  },
};
