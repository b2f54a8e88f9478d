/**
 * The proxies under test, in a process of their own: what generates load must disturb neither their descriptors nor
 * their memory. Speaks with proxies.ts over IPC, and ends by itself once they are closed, if nothing keeps it.
 */
import { readdirSync } from 'node:fs';
import { createEgressProxy, type EgressProxy } from '../../proxy/egress-proxy.js';
import type { EgressPolicy } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import type { Figures } from '../../proxy/report/figures.js';

export type ToProxies =
  | { do: 'open'; proxies: { policy: EgressPolicy; port: number }[] }
  | { do: 'deny'; entries: string[] }
  | { do: 'look' }
  | { do: 'close' };

export interface Look {
  readonly figures: Figures[];
  readonly descriptors: number;
  /** Bytes in use after a collection: heap and buffers. */
  readonly memory: number;
  readonly rss: number;
  readonly timers: number;
  /** Share of a core that was used in a moment in which nothing happens. */
  readonly cpu: number;
}

export type FromProxies =
  | { did: 'open' }
  | { did: 'look'; look: Look }
  | { did: 'close' }
  | { did: 'events'; events: { proxy: number; event: ProxyEvent }[] }
  | { did: 'problem'; problem: string };

const IDLE_MS = 250;
const tell = (message: FromProxies) => void process.send?.(message);
const problem = (kind: string) => (error: unknown) =>
  tell({ did: 'problem', problem: `${kind}: ${error instanceof Error ? error.stack : String(error)}` });
process.on('uncaughtException', problem('uncaughtException'));
process.on('unhandledRejection', problem('unhandledRejection'));
process.on('warning', problem('warning'));

const noop = () => {};
const logger = {
  debug: noop,
  info: noop,
  warn: noop,
  // Nothing that a job or an origin does is an error of the proxy's.
  error: (fields: object, message: string) =>
    problem('error in the log')(`${message} ${JSON.stringify(fields)}`),
};

let proxies: EgressProxy[] = [];
let events: { proxy: number; event: ProxyEvent }[] = [];

function flush(): void {
  if (events.length > 0) tell({ did: 'events', events });
  events = [];
}

async function look(): Promise<Look> {
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const { user, system } = process.cpuUsage(before);
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  flush();
  return {
    figures: proxies.map((proxy) => proxy.figures()),
    descriptors: readdirSync('/proc/self/fd').length,
    memory: heapUsed + external,
    rss,
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    cpu: (user + system) / 1000 / IDLE_MS,
  };
}

async function obey(message: ToProxies): Promise<void> {
  switch (message.do) {
    case 'open':
      proxies = message.proxies.map(({ policy }, proxy) =>
        createEgressProxy(policy, {
          logger,
          onEvent: (event) => {
            events.push({ proxy, event });
            if (events.length === 1) setImmediate(flush);
          },
        }),
      );
      await Promise.all(
        message.proxies.map(({ port }, i) =>
          proxies[i]?.listen({ host: '127.0.0.1', port, clients: ['127.0.0.1/32'] }),
        ),
      );
      return tell({ did: 'open' });
    case 'deny':
      for (const proxy of proxies) proxy.setDenied(message.entries);
      return;
    case 'look':
      return tell({ did: 'look', look: await look() });
    case 'close':
      await Promise.all(proxies.map((proxy) => proxy.close()));
      flush();
      process.off('disconnect', orphaned);
      process.send?.({ did: 'close' } satisfies FromProxies, () => process.disconnect());
  }
}

/** Whoever asks the questions is gone. */
function orphaned(): void {
  process.exit(1);
}

process.on('disconnect', orphaned);
process.on('message', (message: ToProxies) => void obey(message));
