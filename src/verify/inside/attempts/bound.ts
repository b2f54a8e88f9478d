import { networkInterfaces } from 'node:os';
import type { Attempt } from '../plan.js';
import { pointer, Syscalls } from '../syscalls.js';
import { type Found, ofError } from './outcome.js';
import { socketAddress } from './packets.js';

const [AF_INET, SOCK_DGRAM] = [2, 2];
const [SOL_SOCKET, SO_BINDTODEVICE] = [1, 25];

/**
 * Sends a datagram by a socket that is bound to a device, which takes no privilege (socket(7)): without a route Linux takes
 * the address for one on the link, and asks there who has it. Whether it arrives is the listener's to say.
 */
export async function bound({ host, port, mark }: Attempt & { do: 'bound' }): Promise<Found> {
  const device = deviceFor(host);
  if (device === undefined) return { outcome: 'impossible', detail: 'there is no device' };
  try {
    using calls = Syscalls.start();
    const { result: fd } = await calls.call('socket', [AF_INET, SOCK_DGRAM, 0]);
    const name = Buffer.from(`${device}\0`);
    await calls.call('setsockopt', [fd, SOL_SOCKET, SO_BINDTODEVICE, pointer(0), name.length], name);
    const message = Buffer.from(mark);
    const to = socketAddress(host, port);
    const data = Buffer.concat([message, to]);
    const args = [fd, pointer(0), message.length, 0, pointer(message.length), to.length];
    for (let i = 0; i < 3; i++) await calls.call('sendto', args, data);
    return { outcome: 'silent', detail: `sent by ${device}` };
  } catch (error) {
    return ofError(error as Error);
  }
}

/** That which has the address, else the first that leads out of here. */
function deviceFor(host: string): string | undefined {
  const all = Object.entries(networkInterfaces());
  const one =
    all.find(([, list]) => list?.some(({ address }) => address === host)) ??
    all.find(([, list]) => list?.some(({ internal, family }) => !internal && family === 'IPv4'));
  return one?.[0];
}
