import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';

/** The Internet checksum (RFC 1071) of an even number of bytes. */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A message that asks for an echo, with `payload`. Of IPv6 the kernel makes the checksum. */
export function echoRequest(family: 4 | 6, payload: string): Buffer {
  const body = Buffer.from(payload.length % 2 === 0 ? payload : `${payload} `);
  const message = Buffer.concat([Buffer.of(family === 4 ? 8 : 128, 0, 0, 0, 0x6a, 0x67, 0, 1), body]);
  if (family === 4) message.writeUInt16BE(checksum(message), 2);
  return message;
}

/** An IPv4 packet with a UDP datagram (its checksum is left out, as IPv4 allows). */
export function udpPacket(source: string, destination: string, port: number, payload: string): Buffer {
  const body = Buffer.from(payload);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(40_000, 0);
  udp.writeUInt16BE(port, 2);
  udp.writeUInt16BE(8 + body.length, 4);
  const head = Buffer.from('450000000001000040110000', 'hex');
  head.writeUInt16BE(20 + udp.length + body.length, 2);
  const whole = Buffer.concat([head, ipv4(source), ipv4(destination)]);
  whole.writeUInt16BE(checksum(whole), 10);
  return Buffer.concat([whole, udp, body]);
}

/** `struct sockaddr_in` or `sockaddr_in6`, of an address that may have a zone. */
export function socketAddress(host: string, port = 0): Buffer {
  const [address = '', zone] = host.split('%');
  if (!isIPv6(address)) {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(2);
    bytes.writeUInt16BE(port, 2);
    ipv4(address).copy(bytes, 4);
    return bytes;
  }
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(10);
  bytes.writeUInt16BE(port, 2);
  ipv6(address).copy(bytes, 8);
  if (zone !== undefined)
    bytes.writeUInt32LE(Number(readFileSync(`/sys/class/net/${zone}/ifindex`, 'utf8')), 24);
  return bytes;
}

const ipv4 = (address: string) => Buffer.from(address.split('.').map(Number));

function ipv6(address: string): Buffer {
  const last = address.slice(address.lastIndexOf(':') + 1);
  const mapped = last.includes('.')
    ? address.slice(0, -last.length) + ipv4(last).toString('hex').replace(/^..../, '$&:')
    : address;
  const [left = '', right] = mapped.split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':'));
  const [head, tail] = [words(left), words(right ?? '')];
  const zeros = right === undefined ? [] : Array(8 - head.length - tail.length).fill('0');
  return Buffer.from([...head, ...zeros, ...tail].map((word) => word.padStart(4, '0')).join(''), 'hex');
}
