import dgram from 'node:dgram';
import { RawClient } from './raw-client.js';

/** What a name server said. */
export interface Said {
  readonly bytes: Buffer;
  readonly id: number;
  readonly rcode: number;
  readonly authoritative: boolean;
  /** Addresses, as `1.2.3.4` or `::1`. */
  readonly addresses: readonly string[];
  readonly ttl: number | undefined;
  /** Of an extended error, `15 text`. */
  readonly extended: string | undefined;
}

export const QTYPE = {
  A: 1,
  NS: 2,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
};

interface QuestionParts {
  readonly type?: number;
  readonly class?: number;
  readonly id?: number;
  readonly flags?: number;
  readonly edns?: boolean;
}

/** A question as resolvers send it; labels may hold any bytes. */
export function question(
  name: string | readonly string[],
  { type = QTYPE.A, class: kind = 1, id = 4711, flags = 0x0100, edns = false }: QuestionParts = {},
): Buffer {
  const labels = typeof name === 'string' ? name.split('.').filter(Boolean) : name;
  const head = Buffer.alloc(12);
  for (const [i, value] of [id, flags, 1, 0, 0, edns ? 1 : 0].entries()) head.writeUInt16BE(value, 2 * i);
  const parts = labels.map((label) =>
    Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]),
  );
  const end = Buffer.from([0, type >> 8, type & 255, kind >> 8, kind & 255]);
  const opt = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...parts, end, ...(edns ? [opt] : [])]);
}

export function readAnswer(bytes: Buffer): Said {
  const [id, flags, , answers, , additionals] = [0, 2, 4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  let at = 12;
  if (bytes.length > 12) {
    while (bytes[at]) at += 1 + (bytes[at] as number);
    at += 5;
  }
  const addresses: string[] = [];
  let ttl: number | undefined;
  for (let i = 0; i < answers; i++) {
    ttl = bytes.readUInt32BE(at + 6);
    const length = bytes.readUInt16BE(at + 10);
    const data = bytes.subarray(at + 12, at + 12 + length);
    addresses.push(
      length === 4
        ? data.join('.')
        : data.equals(Buffer.from([...Array(15).fill(0), 1]))
          ? '::1'
          : data.toString('hex'),
    );
    at += 12 + length;
  }
  let extended: string | undefined;
  if (additionals > 0 && bytes.readUInt16BE(at + 9) > 0) {
    const [code, length, info] = [11, 13, 15].map((offset) => bytes.readUInt16BE(at + offset)) as [
      number,
      number,
      number,
    ];
    if (code === 15) extended = `${info} ${bytes.toString('latin1', at + 17, at + 15 + length)}`;
  }
  return { bytes, id, rcode: flags & 15, authoritative: (flags & 0x0400) !== 0, addresses, ttl, extended };
}

/** Sends a message over UDP; undefined where nothing comes back in so many ms. */
export async function askUdp(
  port: number,
  message: Buffer,
  ms = 5_000,
  host = '127.0.0.1',
): Promise<Said | undefined> {
  const socket = dgram.createSocket('udp4');
  try {
    return await new Promise((resolve, reject) => {
      const late = setTimeout(() => resolve(undefined), ms);
      socket.once('message', (answer) => {
        clearTimeout(late);
        resolve(readAnswer(answer));
      });
      socket.once('error', reject);
      socket.send(message, port, host);
    });
  } finally {
    socket.close();
  }
}

/** Sends messages over one TCP connection, and gives the answers until it closes or all are there. */
export async function askTcp(port: number, ...messages: readonly Buffer[]): Promise<Said[]> {
  await using client = await RawClient.connect(port);
  for (const message of messages) client.send(prefixed(message));
  const all: Said[] = [];
  for (let at = 0; all.length < messages.length; ) {
    const head = await client.untilBytes(at + 2);
    if (head.length < at + 2) break;
    const end = at + 2 + head.readUInt16BE(at);
    const bytes = await client.untilBytes(end);
    if (bytes.length < end) break;
    all.push(readAnswer(Buffer.from(bytes.subarray(at + 2, end))));
    at = end;
  }
  return all;
}

export function prefixed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}
