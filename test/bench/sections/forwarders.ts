import { Child } from '../child.js';
import { type Contender, direct } from '../contender.js';
import type { Section } from '../context.js';
import type { ForwarderApi, ForwarderKind } from '../measured/forwarder.js';
import { interleaved } from '../rounds.js';

const KINDS: readonly ForwarderKind[] = ['http-proxy', 'http.request', 'undici dispatch'];

/** What each way to make the request to the origin costs, with nothing around it. */
export const forwarders: Section = {
  name: 'forwarders',
  title: 'Ways to pass a request on, with no policy and no log: the least that each costs',
  async run({ options, load, cores }) {
    const contenders: Contender[] = [direct];
    const children: Child<ForwarderApi>[] = [];
    try {
      for (const kind of KINDS) {
        const child = new Child<ForwarderApi>(new URL('../measured/forwarder.ts', import.meta.url), {
          core: cores?.measured,
        });
        children.push(child);
        const proxy = await child.call('start', kind);
        contenders.push({
          name: kind,
          via: { host: '127.0.0.1', proxy },
          pid: child.pid,
          [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
        });
      }
      return await interleaved(
        { name: 'GET, 16 at a time', unit: '/s', ...options },
        contenders,
        ({ via, pid }) => load.call('requests', { ...options, via, pid, connections: 16 }),
      );
    } finally {
      await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
    }
  },
};
