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
  const udp = udpDatagram(port, payload);
  const head = Buffer.from('450000000001000040110000', 'hex');
  head.writeUInt16BE(20 + udp.length, 2);
  const whole = Buffer.concat([head, ipv4(source), ipv4(destination)]);
  whole.writeUInt16BE(checksum(whole), 10);
  return Buffer.concat([whole, udp]);
}

/** An IPv6 packet with a UDP datagram, which IPv6 takes with a checksum only (RFC 8200, 8.1). */
export function udpPacket6(source: string, destination: string, port: number, payload: string): Buffer {
  const udp = udpDatagram(port, payload);
  const head = Buffer.from('6000000000001140', 'hex');
  head.writeUInt16BE(udp.length, 4);
  const addresses = Buffer.concat([ipv6(source), ipv6(destination)]);
  const pseudo = Buffer.from('0000000000000011', 'hex');
  pseudo.writeUInt32BE(udp.length);
  const padded = udp.length % 2 === 0 ? udp : Buffer.concat([udp, Buffer.of(0)]);
  // A sum of 0 is sent as its other spelling: 0 says that there is none.
  udp.writeUInt16BE(checksum(Buffer.concat([addresses, pseudo, padded])) || 0xffff, 6);
  return Buffer.concat([head, addresses, udp]);
}

function udpDatagram(port: number, payload: string): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(8);
  head.writeUInt16BE(40_000, 0);
  head.writeUInt16BE(port, 2);
  head.writeUInt16BE(head.length + body.length, 4);
  return Buffer.concat([head, body]);
}

/** An Ethernet frame, whose end the device makes. @param to, from addresses as `02:00:00:00:00:01` */
export function ethernetFrame(to: string, from: string, packet: Buffer): Buffer {
  // The version is the first thing of both.
  const type = (packet[0] ?? 0) >> 4 === 6 ? '86dd' : '0800';
  return Buffer.concat([mac(to), mac(from), Buffer.from(type, 'hex'), packet]);
}

/** `struct sockaddr_ll` (packet(7)): only the device counts where the frame has its head. */
export function deviceAddress(index: number): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16LE(17);
  bytes.writeInt32LE(index, 4);
  return bytes;
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

const mac = (address: string) => Buffer.from(address.replaceAll(':', ''), 'hex');
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
