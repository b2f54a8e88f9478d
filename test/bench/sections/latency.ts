import { allowed, direct, startJobgate } from '../contender.js';
import type { Section } from '../context.js';
import { median, percentile } from '../stats.js';

export const latency: Section = {
  name: 'latency',
  title: 'A small request while downloads of the same job saturate its 10 Mbit/s',
  async run({ options, root, cores, load, origins }) {
    await using child = startJobgate(cores?.measured);
    const open = { root, jobs: 3, rate: 10_000_000, allow: allowed(origins) };
    const [idle, busy, crowded] = await child.call('openJobs', open);
    const window = { warmMs: 700, ms: options.quick ? 2000 : 3000 };
    const cases = [
      { name: 'no proxy', of: 'direct', via: direct.via, bulk: 0, window: { ...window, ms: 1000 } },
      { name: 'nothing else', of: 'jobgate', via: { host: 'bench.test', proxy: idle }, bulk: 0, window },
      { name: '8 downloads', of: 'jobgate', via: { host: 'bench.test', proxy: busy }, bulk: 8, window },
      { name: '64 downloads', of: 'jobgate', via: { host: 'bench.test', proxy: crowded }, bulk: 64, window },
    ];
    const times = cases.map((): number[][] => []);
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, { via, bulk, window }] of cases.entries()) {
        times[i]?.push(await load.call('latency', { via, bulk, ...window }));
      }
    }
    return cases.flatMap(({ name, of }, i) => [
      { name: `${name}: median`, of, unit: 'ms', rounds: (times[i] ?? []).map(median) },
      { name: `${name}: p99`, of, unit: 'ms', rounds: (times[i] ?? []).map((all) => percentile(all, 99)) },
    ]);
  },
};
