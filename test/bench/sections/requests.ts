import type { Section } from '../context.js';
import { interleaved } from '../rounds.js';

export const requests: Section = {
  name: 'requests',
  title: 'Plain HTTP requests, connections kept on both sides',
  async run({ options, load, contenders }) {
    return interleaved(
      { name: 'GET, 16 at a time', unit: '/s', ...options },
      await contenders(),
      ({ via, pid }) => load.call('requests', { ...options, via, pid, connections: 16 }),
    );
  },
};
