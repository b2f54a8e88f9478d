import { flood, type OriginPorts, sunk } from './origins.js';
import { openTunnel, type Via } from './tunnel.js';
import { type Sample, sample, type WindowOptions } from './window.js';

export interface ThroughputWork extends WindowOptions {
  readonly via: Via;
  readonly direction: 'down' | 'up';
  readonly connections: number;
}

/** Bytes per second that arrive, over all connections. */
export async function throughput(origins: OriginPorts, work: ThroughputWork): Promise<Sample> {
  let received = 0;
  const down = work.direction === 'down';
  const before = sunk.bytes;
  const sockets = Array.from({ length: work.connections }, () => {
    const socket = openTunnel(
      work.via,
      down ? origins.source : origins.sink,
      (bytes) => {
        received += bytes.length;
      },
      () => {
        // What a proxy looks at first should not come with more behind it.
        if (!down) setTimeout(() => flood(socket), 20);
      },
    );
    return socket;
  });
  const result = await sample(work, () => (down ? received : sunk.bytes - before));
  for (const socket of sockets) socket.destroy();
  return result;
}
