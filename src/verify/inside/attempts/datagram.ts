import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Attempt } from '../plan.js';
import { type Bounds, type Found, ofError, ofHeard } from './outcome.js';

/** One may be lost. */
const TIMES = 3;
const GAP_MS = 150;

/** Sends a datagram a few times, and waits for an answer. */
export function datagram(
  { host, port }: Pick<Attempt & { do: 'udp' }, 'host' | 'port'>,
  message: Buffer,
  bounds: Bounds,
): Promise<Found> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host.split('%', 1)[0] ?? '') ? 'udp6' : 'udp4');
    const timers: NodeJS.Timeout[] = [];
    let ended = false;
    const end = (found: Found) => {
      if (ended) return;
      ended = true;
      for (const timer of timers) clearTimeout(timer);
      socket.close();
      resolve(found);
    };
    socket.on('message', (answer) =>
      end(ofHeard(answer, bounds, { outcome: 'answered', detail: 'answered' })),
    );
    socket.once('error', (error) => end(ofError(error)));
    // Connected, so that a refusal by ICMP is told.
    const onConnect = (error?: Error) => {
      if (error) return end(ofError(error));
      for (let i = 0; i < TIMES; i++) timers.push(setTimeout(() => socket.send(message), i * GAP_MS));
      timers.push(setTimeout(() => end({ outcome: 'silent', detail: 'nothing came' }), bounds.waitMs));
    };
    socket.connect(port, host, onConnect);
  });
}
