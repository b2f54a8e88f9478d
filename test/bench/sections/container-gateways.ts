import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Gateway } from '../../../src/index.js';
import { buildGatewayImage, ensureEngine } from '../../support/engine.js';
import type { Section } from '../context.js';

type Jobgate = typeof import('../../../src/index.js');

/** Gateways in containers: from the call until the proxy listens, and what the container then takes. */
export const containerGateways: Section = {
  name: 'container-gateways',
  title: 'Opening a gateway in a container',
  async run({ options, root, say }) {
    const jobgate: Jobgate = await import(pathToFileURL(join(root, 'dist/src/index.js')).href);
    const open: Gateway[] = [];
    const [ready, closed, memory]: number[][] = [[], [], []];
    try {
      ensureEngine();
      buildGatewayImage();
      const engine = await jobgate.openEngine();
      await using owner = await jobgate.openOwner('run');
      const openGateway = jobgate.containerGateways();
      const job = { job: 'bench', allow: ['bench.test'], rate: jobgate.DEFAULT_RATE };
      const policy = { job, operator: jobgate.DEFAULT_OPERATOR_POLICY };
      const timed = async (times: number[] | undefined, work: () => Promise<unknown>) => {
        const from = performance.now();
        await work();
        times?.push(performance.now() - from);
      };
      // The first one looks at the engine.
      await (await openGateway({ engine, owner, policy })).close();
      for (let i = 0; i < Math.max(options.rounds, 5); i++) {
        await timed(ready, async () => open.push(await openGateway({ engine, owner, policy })));
      }
      for (const { network } of open) {
        const info = await engine.docker.getNetwork(network.id).inspect();
        const [id = ''] = Object.keys(info.Containers ?? {});
        const { memory_stats } = await engine.docker.getContainer(id).stats({ stream: false });
        const { inactive_file = 0, total_inactive_file = inactive_file } =
          memory_stats.stats as never as Record<string, number>;
        memory?.push((memory_stats.usage - total_inactive_file) / 1e6);
      }
      for (const gateway of open.splice(0)) await timed(closed, () => gateway.close());
    } catch (error) {
      say(`container-gateways: left out, ${(error as Error).message.split('\n')[0]}`);
      return [];
    } finally {
      for (const gateway of open) await gateway.close();
    }
    const figure = (name: string, unit: string, rounds: number[] = []) => ({
      name,
      of: 'jobgate',
      unit,
      rounds,
    });
    return [
      figure('until it listens', 'ms', ready),
      figure('until it is gone', 'ms', closed),
      figure('memory of an idle one', 'MB', memory),
    ];
  },
};
