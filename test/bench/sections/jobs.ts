import { allowed, startJobgate } from '../contender.js';
import type { Section } from '../context.js';

const RATE = 10_000_000;
const MANY = [1, 100];

/** What the limit costs: CPU of the whole process, so the relaying is included. */
export const jobs: Section = {
  name: 'jobs',
  title: 'Jobs with a saturated download each at 10 Mbit/s, all in one process on one core',
  async run({ options, root, cores, load, origins }) {
    const figures = [];
    for (const count of MANY) {
      await using child = startJobgate(cores?.measured);
      const ports = await child.call('openJobs', { root, jobs: count, rate: RATE, allow: allowed(origins) });
      const flows = ports.map((proxy) => ({
        via: { host: 'bench.test', proxy },
        direction: 'down' as const,
        connections: 1,
      }));
      const results = [];
      for (let i = 0; i < options.rounds; i++) {
        const ms = options.quick ? 2000 : 4000;
        const result = await load.call('rates', { flows, warmMs: 1200, ms, pids: [child.pid] });
        const right = (RATE / 8 / 1000) * ms;
        const off = result.connections.map(([bytes = 0]) => (Math.abs(bytes - right) * 100) / right);
        results.push({ cpu: result.cpu, off: Math.max(...off) });
      }
      figures.push(
        {
          name: `${count} ${count === 1 ? 'job' : 'jobs'}: each`,
          of: 'jobgate',
          unit: '% of a core',
          rounds: results.map(({ cpu }) => cpu / count),
        },
        {
          name: `${count} ${count === 1 ? 'job' : 'jobs'}: the one furthest from its rate`,
          of: 'jobgate',
          unit: '% off',
          rounds: results.map(({ off }) => off),
        },
      );
    }
    return figures;
  },
};
