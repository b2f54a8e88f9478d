import type { Section } from '../context.js';
import { interleaved } from '../rounds.js';

export const setups: Section = {
  name: 'setups',
  title: 'Tunnels set up, from the connection to the first byte of the origin and the end',
  async run({ options, load, contenders }) {
    return interleaved(
      { name: 'CONNECT, 16 at a time', unit: '/s', ...options },
      await contenders(),
      ({ via, pid }) => load.call('setups', { ...options, via, pid, concurrency: 16 }),
    );
  },
};
