import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OriginPorts } from './origins.js';
import { Requester } from './requests.js';
import { openTunnel, type Via } from './tunnel.js';

export interface LatencyWork {
  readonly via: Via;
  /** Downloads that saturate the limit meanwhile. */
  readonly bulk: number;
  readonly warmMs: number;
  readonly ms: number;
}

/** Between two requests, ms: not a multiple of anything that ticks. */
const PAUSE_MS = 17;

/** Times of small requests, one after the other over one connection, ms. */
export async function latency(
  origins: OriginPorts,
  { via, bulk, warmMs, ms }: LatencyWork,
): Promise<number[]> {
  const downloads = Array.from({ length: bulk }, () => openTunnel(via, origins.source, () => {}));
  let answered = () => {};
  const client = new Requester(origins, via, () => answered(), false);
  await sleep(warmMs);
  const times: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const from = performance.now();
    await new Promise<void>((resolve) => {
      answered = resolve;
      client.send();
    });
    times.push(performance.now() - from);
    await sleep(PAUSE_MS);
  }
  client.close();
  for (const socket of downloads) socket.destroy();
  return times;
}
