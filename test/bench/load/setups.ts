import type { OriginPorts } from './origins.js';
import { openTunnel, type Via } from './tunnel.js';
import { type Sample, sample, type WindowOptions } from './window.js';

export interface SetupWork extends WindowOptions {
  readonly via: Via;
  /** Tunnels that are being set up at any time. */
  readonly concurrency: number;
}

/** Tunnels per second, each from its connection to the first byte of the origin and its end. */
export async function setups(origins: OriginPorts, work: SetupWork): Promise<Sample> {
  let done = 0;
  let over = false;
  const next = () => {
    if (over) return;
    const socket = openTunnel(work.via, origins.echo, () => {
      done++;
      socket.end();
    });
    socket.once('close', next);
  };
  for (let i = 0; i < work.concurrency; i++) next();
  const result = await sample(work, () => done);
  over = true;
  return result;
}
