import { isIPv6 } from 'node:net';
import { CallError, pointer, Syscalls } from '../syscalls.js';
import { type Bounds, type Found, ofError } from './outcome.js';
import { echoRequest, socketAddress } from './packets.js';

const AF = { 4: 2, 6: 10 } as const;
const ICMP = { 4: 1, 6: 58 } as const;
const REPLY = { 4: 0, 6: 129 } as const;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const [SOL_SOCKET, SO_RCVTIMEO] = [1, 20];

/** Asks for an echo by a socket that any user may have, or a raw one. */
export async function ping(host: string, mark: string, { waitMs }: Bounds): Promise<Found> {
  const family = isIPv6(host.split('%', 1)[0] ?? '') ? 6 : 4;
  try {
    using calls = Syscalls.start();
    const { fd, raw } = await icmpSocket(calls, family);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(Math.ceil(waitMs / 1000)));
    await calls.call('setsockopt', [fd, SOL_SOCKET, SO_RCVTIMEO, pointer(0), timeout.length], timeout);
    const to = socketAddress(host);
    const message = echoRequest(family, mark);
    const sent = Buffer.concat([message, to]);
    const end = performance.now() + waitMs;
    await calls.call('sendto', [fd, pointer(0), message.length, 0, pointer(message.length), to.length], sent);
    while (performance.now() < end) {
      const { result, data } = await calls.call('recvfrom', [fd, pointer(0), 1024, 0, 0, 0]);
      const head = raw && family === 4 ? ((data[0] ?? 0) & 0xf) * 4 : 0;
      if (data[head] === REPLY[family] && data.subarray(0, result).includes(mark))
        return { outcome: 'reached', detail: 'an echo came back' };
    }
    return { outcome: 'silent', detail: 'nothing came' };
  } catch (error) {
    if (error instanceof CallError && error.code === 'EAGAIN')
      return { outcome: 'silent', detail: 'nothing came' };
    return ofError(error as Error);
  }
}

async function icmpSocket(calls: Syscalls, family: 4 | 6): Promise<{ fd: number; raw: boolean }> {
  const open = async (type: number) => (await calls.call('socket', [AF[family], type, ICMP[family]])).result;
  try {
    return { fd: await open(SOCK_DGRAM), raw: false };
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== 'EACCES') throw error;
    return { fd: await open(SOCK_RAW), raw: true };
  }
}
