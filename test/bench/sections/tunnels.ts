import type { Section } from '../context.js';
import { interleaved } from '../rounds.js';

/** One tunnel, unlimited, one way at a time. */
export const tunnels: Section = {
  name: 'tunnels',
  title: 'Throughput of one tunnel, unlimited',
  async run({ options, load, contenders }) {
    const figures = [];
    for (const direction of ['down', 'up'] as const) {
      const work = { ...options, direction, connections: 1 };
      figures.push(
        ...(await interleaved(
          { name: `${direction}load`, unit: 'MB/s', scale: 1e-6, ...options },
          await contenders(),
          ({ via, pid }) => load.call('throughput', { ...work, via, pid }),
        )),
      );
    }
    return figures;
  },
};
