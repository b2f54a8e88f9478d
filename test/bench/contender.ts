import { Child } from './child.js';
import type { OriginPorts } from './load/origins.js';
import type { Via } from './load/tunnel.js';
import type { JobgateApi } from './measured/jobgate.js';

/** A way to the origins: direct, or through a proxy that runs in a process of its own. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  readonly via: Via;
  readonly pid?: number;
}

export const direct: Contender = {
  name: 'direct',
  via: { host: 'bench.test' },
  async [Symbol.asyncDispose]() {},
};

/** What a job of the benchmark may reach: the load's origins. */
export function allowed(origins: OriginPorts): string[] {
  return Object.values(origins).map((port) => `bench.test:${port}`);
}

export function startJobgate(core: number | undefined, nodeArgs: readonly string[] = []): Child<JobgateApi> {
  return new Child<JobgateApi>(new URL('measured/jobgate.ts', import.meta.url), { core, nodeArgs });
}

/** jobgate with the rate unlimited, policy and log as always. */
export async function jobgate(
  name: string,
  root: string,
  origins: OriginPorts,
  core: number | undefined,
): Promise<Contender> {
  const child = startJobgate(core);
  const [proxy] = await child.call('openJobs', { root, jobs: 1, rate: null, allow: allowed(origins) });
  return {
    name,
    via: { host: 'bench.test', proxy },
    pid: child.pid,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
