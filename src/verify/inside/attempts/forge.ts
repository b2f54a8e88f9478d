import type { Attempt } from '../plan.js';
import { pointer, Syscalls } from '../syscalls.js';
import { type Found, ofError } from './outcome.js';
import { socketAddress, udpPacket } from './packets.js';

const [AF_INET, SOCK_RAW, IPPROTO_RAW] = [2, 3, 255];

/** Sends a datagram in somebody else's name. Whether it arrives is the listener's to say. */
export async function forge({ host, port, source, mark }: Attempt & { do: 'forge' }): Promise<Found> {
  try {
    using calls = Syscalls.start();
    const { result: fd } = await calls.call('socket', [AF_INET, SOCK_RAW, IPPROTO_RAW]);
    const packet = udpPacket(source, host, port, mark);
    const to = socketAddress(host);
    const data = Buffer.concat([packet, to]);
    for (let i = 0; i < 3; i++)
      await calls.call('sendto', [fd, pointer(0), packet.length, 0, pointer(packet.length), to.length], data);
    return { outcome: 'silent', detail: 'sent' };
  } catch (error) {
    return ofError(error as Error);
  }
}
