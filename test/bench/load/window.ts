import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { processCpuMs } from '../cpu.js';

export interface WindowOptions {
  readonly warmMs: number;
  readonly ms: number;
  /** The measured process. */
  readonly pid?: number | undefined;
}

/** What was counted in a window of time, and what it cost both sides. */
export interface Sample {
  readonly perSecond: number;
  readonly cpu: { readonly measured?: number | undefined; readonly load: number };
}

/** Lets `warmMs` pass and counts for `ms`. */
export async function sample({ warmMs, ms, pid }: WindowOptions, count: () => number): Promise<Sample> {
  await sleep(warmMs);
  const look = () => ({
    at: performance.now(),
    count: count(),
    load: processCpuMs(process.pid),
    measured: pid === undefined ? 0 : processCpuMs(pid),
  });
  const from = look();
  await sleep(ms);
  const to = look();
  const elapsed = to.at - from.at;
  return {
    perSecond: ((to.count - from.count) * 1000) / elapsed,
    cpu: {
      load: ((to.load - from.load) * 100) / elapsed,
      measured: pid === undefined ? undefined : ((to.measured - from.measured) * 100) / elapsed,
    },
  };
}
