import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadsCpuMs } from '../cpu.js';
import { flood, type OriginPorts, sunk } from './origins.js';
import { openTunnel, type Via } from './tunnel.js';

export interface RateWork {
  /** Each through a proxy of its own. */
  readonly flows: readonly RateFlow[];
  readonly warmMs: number;
  readonly ms: number;
  /** The measured processes. */
  readonly pids: readonly number[];
}

export interface RateFlow {
  readonly via: Via;
  readonly direction: 'down' | 'up';
  readonly connections: number;
}

export interface RateResult {
  /** What arrived of each flow, over all its connections, and when. */
  readonly traces: (readonly (readonly [ms: number, bytes: number])[])[];
  /** Bytes of each connection of each flow. */
  readonly connections: number[][];
  /** Share of a core that the measured processes took, %; NaN where one of them has ended. */
  readonly cpu: number;
}

/** Saturates every flow, and says what came of it after `warmMs`. */
export async function rates(
  origins: OriginPorts,
  { flows, warmMs, ms, pids }: RateWork,
): Promise<RateResult> {
  const traces = flows.map((): [number, number][] => []);
  const totals = flows.map(() => 0);
  const perConnection = flows.map(({ connections }) => Array<number>(connections).fill(0));
  let from = Number.POSITIVE_INFINITY;
  const arrived = (flow: number, connection: number, length: number) => {
    const now = performance.now();
    if (now < from) return;
    totals[flow] = (totals[flow] ?? 0) + length;
    (perConnection[flow] as number[])[connection] = (perConnection[flow]?.[connection] ?? 0) + length;
    (traces[flow] as [number, number][]).push([now - from, totals[flow] ?? 0]);
  };
  const ports = new Map<number, number>();
  const sockets = flows.flatMap(({ via, direction, connections }, flow) =>
    Array.from({ length: connections }, (_, connection) => {
      if (direction === 'down') {
        return openTunnel(via, origins.source, (bytes) => arrived(flow, connection, bytes.length));
      }
      const socket = openTunnel(
        via,
        origins.sink,
        () => {},
        () => setTimeout(() => flood(socket), 20),
      );
      return socket;
    }),
  );
  // There is one upload at most at a time: all that the sink gets is its.
  const upload = flows.findIndex(({ direction }) => direction === 'up');
  sunk.onBytes = (socket, length) => {
    const port = socket.remotePort ?? 0;
    if (!ports.has(port)) ports.set(port, ports.size);
    arrived(upload, ports.get(port) ?? 0, length);
  };
  await sleep(warmMs);
  from = performance.now();
  const cpuMs = () => pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  const before = cpuMs();
  await sleep(ms);
  const cpu = ((cpuMs() - before) * 100) / (performance.now() - from);
  from = Number.POSITIVE_INFINITY;
  sunk.onBytes = undefined;
  for (const socket of sockets) socket.destroy();
  return { traces, connections: perConnection, cpu };
}

/** A worker that a busy machine keeps from telling that it lives is replaced. */
function cpuOf(pid: number): number {
  try {
    return threadsCpuMs(pid);
  } catch {
    return Number.NaN;
  }
}
