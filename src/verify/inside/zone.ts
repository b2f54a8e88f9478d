import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Arrival, Listen } from './plan.js';

/** Names that the job declares (all below it), and names that it does not. Reserved for tests (RFC 6761). */
export const DECLARED = 'jobgate-verify.test';
export const UNDECLARED = 'jobgate-undeclared.test';

/** First labels with an address in hex: `at-7f000001` is that address, `rebind-7f000001` it at every second question. */
const AT = /^(at|rebind)-([0-9a-f]{8})\./;

/** The name of an address in the zone. */
export function nameAt(address: string, mark: string, kind: 'at' | 'rebind' = 'at'): string {
  const hex = Buffer.from(address.split('.').map(Number)).toString('hex');
  return `${kind}-${hex}.${mark}.${DECLARED}`;
}

/** Answers every question for both zones by the origin's address, but for those names. */
export async function serveNames(
  at: string,
  { address, origin }: NonNullable<Listen['names']>,
  arrived: (arrival: Arrival) => void,
): Promise<void> {
  const asked = new Map<string, number>();
  const answer = (message: Buffer, from: string): Buffer | undefined => {
    const question = read(message);
    if (!question) return undefined;
    const { name, type, end } = question;
    arrived({ at, over: 'dns', port: 53, from, head: name });
    const lower = name.toLowerCase();
    const times = asked.get(lower) ?? 0;
    if (type === A) asked.set(lower, times + 1);
    if (!lower.endsWith(DECLARED) && !lower.endsWith(UNDECLARED)) return reply(message, end, NXDOMAIN);
    if (type !== A) return reply(message, end, 0);
    const [, kind, hex = ''] = AT.exec(lower) ?? [];
    const other = kind === 'at' || (kind === 'rebind' && times % 2 === 1);
    return reply(
      message,
      end,
      0,
      other ? Buffer.from(hex, 'hex') : Buffer.from(origin.split('.').map(Number)),
    );
  };
  const udp = createSocket('udp4');
  udp.on('message', (message, { address: from, port }) => {
    const bytes = answer(message, from);
    if (bytes) udp.send(bytes, port, from, () => {});
  });
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (chunk) => {
      const bytes = answer(chunk.subarray(2), socket.remoteAddress ?? '');
      if (!bytes) return socket.destroy();
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return socket.end(Buffer.concat([length, bytes]));
    });
  });
  await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(53, address, resolve));
  await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(53, address, resolve));
}

const A = 1;
const NXDOMAIN = 3;

function read(message: Buffer): { name: string; type: number; end: number } | undefined {
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || labels.length > 127) return undefined;
    at++;
    if (length === 0) break;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  return { name: labels.join('.'), type: message.readUInt16BE(at), end: at + 4 };
}

/** No time to live: each question comes here. */
function reply(message: Buffer, end: number, rcode: number, address?: Buffer): Buffer {
  const head = Buffer.alloc(12);
  message.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8580 | rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(address ? 1 : 0, 6);
  const record = address
    ? Buffer.concat([Buffer.from('c00c00010001000000000004', 'hex'), address])
    : Buffer.alloc(0);
  return Buffer.concat([head, message.subarray(12, end), record]);
}
