import { helloFor } from '../../support/client-hello.js';
import { startTcpOrigin } from '../../support/origin.js';
import { RawClient } from '../../support/raw-client.js';
import { askUdp, question } from '../../support/resolver.js';
import { startJobgate } from '../contender.js';
import type { Section } from '../context.js';
import { median } from '../stats.js';

/** What the names and the direct connections of a job cost: one round trip less than by CONNECT. */
export const anyProgram: Section = {
  name: 'any-program',
  title: 'A program that knows of no proxy',
  async run({ options, root, cores }) {
    await using child = startJobgate(cores?.measured, ['--expose-gc']);
    await using origin = await startTcpOrigin((socket) => void socket.pipe(socket).on('error', () => {}));
    const kept = options.quick ? 200 : 1_000;
    const { proxy, names, direct, bytes } = await child.call('openAnyProgram', {
      root,
      origin: origin.port,
      kept,
    });
    const hello = helloFor('bench.test');
    const firstByte = async (port: number, connect: boolean) => {
      const start = performance.now();
      await using client = await RawClient.connect(port);
      if (connect) await client.connectTo(`bench.test:${origin.port}`);
      client.send(hello);
      await client.untilBytes(1);
      return performance.now() - start;
    };
    const times = async (measure: () => Promise<unknown>) => {
      const all: number[] = [];
      for (let i = 0; i < 200; i++) {
        const start = performance.now();
        const said = await measure();
        all.push(typeof said === 'number' ? said : performance.now() - start);
      }
      return median(all);
    };
    const rounds = { names: [] as number[], connect: [] as number[], direct: [] as number[] };
    for (let round = 0; round < options.rounds; round++) {
      rounds.names.push(await times(() => askUdp(names, question('bench.test'))));
      rounds.connect.push(await times(() => firstByte(proxy, true)));
      rounds.direct.push(await times(() => firstByte(direct, false)));
    }
    const of = 'jobgate';
    return [
      { name: 'a name answered, the asker included', of, unit: 'ms', rounds: rounds.names },
      { name: 'first byte by CONNECT', of, unit: 'ms', rounds: rounds.connect },
      { name: 'first byte without', of, unit: 'ms', rounds: rounds.direct },
      { name: `more memory of each of ${kept}`, of, unit: 'KB', rounds: [bytes / 1000] },
    ];
  },
};
