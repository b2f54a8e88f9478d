import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Attempt } from '../plan.js';
import { pointer, Syscalls } from '../syscalls.js';
import { type Found, ofError } from './outcome.js';
import { deviceAddress, ethernetFrame, udpPacket, udpPacket6 } from './packets.js';

const [AF_PACKET, SOCK_RAW] = [17, 3];
/** `struct ifreq`: sixteen bytes of the name, then what is asked for. */
const [SIOCGIFINDEX, IFREQ, IFNAMSIZ] = [0x8933, 40, 16];
/** Whoever is on the link takes frames to these, and a datagram in them for one of its addresses as well as any. */
const EVERYBODY = 'ff:ff:ff:ff:ff:ff';
const ALL_NODES = '33:33:00:00:00:01';
/** No device need have it: on a device without IPv6 nobody else does. */
const SOURCE6 = 'fe80::6a67';
/** Of those on the link whose addresses are known, so many get frames of their own. */
const MAX_KNOWN = 4;

interface Device {
  readonly name: string;
  readonly mac: string;
  /** Its IPv4 address, or one for benchmarks (RFC 2544). */
  readonly source: string;
}

/**
 * Sends a datagram in frames made by hand, which no routing table, no ARP and no rule for what leaves here are asked of. Whether
 * it arrives is the listener's to say.
 */
export async function frame({ host, port, mark, device: wanted }: Attempt & { do: 'frame' }): Promise<Found> {
  try {
    using calls = Syscalls.start();
    const { result: fd } = await calls.call('socket', [AF_PACKET, SOCK_RAW, 0]);
    const by = devices().filter(({ name }) => wanted === undefined || name === wanted);
    if (by.length === 0) return { outcome: 'impossible', detail: 'there is no device' };
    for (const { name, mac, source } of by) {
      const v6 = isIPv6(host);
      const packet = v6 ? udpPacket6(SOURCE6, host, port, mark) : udpPacket(source, host, port, mark);
      const at = deviceAddress(await deviceIndex(calls, fd, name));
      for (const to of [v6 ? ALL_NODES : EVERYBODY, ...known(name)]) {
        const whole = ethernetFrame(to, mac, packet);
        const args = [fd, pointer(0), whole.length, 0, pointer(whole.length), at.length];
        for (let i = 0; i < 3; i++) await calls.call('sendto', args, Buffer.concat([whole, at]));
      }
    }
    return { outcome: 'silent', detail: `sent by ${by.map(({ name }) => name).join(', ')}` };
  } catch (error) {
    return ofError(error as Error);
  }
}

/** By a call: `/sys` may be that of another network namespace than this one. */
async function deviceIndex(calls: Syscalls, fd: number, name: string): Promise<number> {
  const request = Buffer.alloc(IFREQ);
  request.write(name);
  const { data } = await calls.call('ioctl', [fd, SIOCGIFINDEX, pointer(0)], request);
  return data.readInt32LE(IFNAMSIZ);
}

/** Those that send frames with an address. */
function devices(): Device[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) => {
    const { mac } = list?.find((one) => !one.internal && one.mac !== '00:00:00:00:00:00') ?? {};
    const source = list?.find(({ family }) => family === 'IPv4')?.address ?? '198.18.0.1';
    return mac === undefined ? [] : [{ name, mac, source }];
  });
}

/** Whom the kernel has found on a device by ARP (proc_net(5)): some take nothing of what goes to everybody. */
function known(device: string): string[] {
  const lines = readFileSync('/proc/net/arp', 'utf8').slice(0, 65_536).split('\n').slice(1);
  const found = lines.flatMap((line) => {
    const [, , , mac = '', , name] = line.split(/\s+/);
    return name === device && mac !== '00:00:00:00:00:00' ? [mac] : [];
  });
  return [...new Set(found)].slice(0, MAX_KNOWN);
}
