import { ensureEngine } from '../../support/engine.js';
import { startJobgate } from '../contender.js';
import type { Section } from '../context.js';

export const gateways: Section = {
  name: 'gateways',
  title: 'Opening a gateway on the host',
  async run({ options, root, say }) {
    const leftOut = (error: unknown) => {
      say(`gateways: left out, ${(error as Error).message.split('\n')[0]}`);
      return [];
    };
    try {
      ensureEngine();
    } catch (error) {
      return leftOut(error);
    }
    await using child = startJobgate(undefined, ['--expose-gc']);
    try {
      await child.call('openEngine', root);
    } catch (error) {
      return leftOut(error);
    }
    const others = options.quick ? Math.min(10, options.gateways) : options.gateways;
    const alone = await child.call('timeGateways', { count: Math.max(options.rounds, 5) });
    const kept = await child.call('keepGateways', { count: others });
    const crowded = await child.call('timeGateways', { count: Math.max(options.rounds, 5) });
    await child.call('closeGateways');
    const figures = (among: string, times: typeof alone) => [
      {
        name: `${among}: jobgate's own share`,
        of: 'jobgate',
        unit: 'ms',
        rounds: times.map(({ own }) => own),
      },
      { name: `${among}: the engine's`, of: 'engine', unit: 'ms', rounds: times.map(({ engine }) => engine) },
    ];
    return [
      ...figures('no other open', alone),
      ...figures(`${others} others open`, crowded),
      { name: 'memory of an open one', of: 'jobgate', unit: 'KB', rounds: [kept / 1000] },
    ];
  },
};
