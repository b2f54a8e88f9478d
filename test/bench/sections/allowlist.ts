import { startJobgate } from '../contender.js';
import type { Section } from '../context.js';

const ENTRIES = 100_000;

export const allowlist: Section = {
  name: 'allowlist',
  title: `An allowlist of ${ENTRIES.toLocaleString('en')} entries`,
  async run({ options, root, cores }) {
    await using child = startJobgate(cores?.measured);
    const results = [];
    for (let i = 0; i < options.rounds; i++) {
      results.push(await child.call('allowlist', { root, entries: ENTRIES, ms: options.ms / 2 }));
    }
    return [
      { name: 'look-ups', of: 'jobgate', unit: '/s', rounds: results.map(({ perSecond }) => perSecond) },
      { name: 'reading it', of: 'jobgate', unit: 'ms', rounds: results.map(({ parse }) => parse) },
    ];
  },
};
