import { isIPv4 } from 'node:net';

/** The part of the DNS message format (RFC 1035) that a small server for tests needs. */

export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, OPT: 41 } as const;
export const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

export interface Question {
  readonly id: number;
  /** The flags of the query, of which RD is mirrored. */
  readonly flags: number;
  /** Lower case, without the trailing dot. */
  readonly name: string;
  /** `A`, `AAAA`, …, or the number. */
  readonly type: string;
  /** The question as it came, letter case included (resolvers check it). */
  readonly raw: Buffer;
  /** Largest answer over UDP, bytes: 512, or what EDNS says. */
  readonly maxBytes: number;
}

export interface WireRecord {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME';
  /** Seconds. */
  readonly ttl: number;
  /** An address, or for CNAME a name. */
  readonly data: string;
}

/** Undefined for anything that is not a query with one question. */
export function readQuestion(message: Buffer): Question | undefined {
  if (message.length < 17 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  const number = message.readUInt16BE(at);
  const type = Object.entries(TYPES).find(([, value]) => value === number)?.[0] ?? String(number);
  const end = at + 4;
  // An OPT record, if any, is the only additional one of a query: root name, type 41, class = size.
  const edns = message.length >= end + 11 && message.readUInt16BE(end + 1) === TYPES.OPT;
  return {
    id: message.readUInt16BE(0),
    flags: message.readUInt16BE(2),
    name: labels.join('.').toLowerCase(),
    type,
    raw: message.subarray(12, end),
    maxBytes: edns ? Math.max(512, message.readUInt16BE(end + 3)) : 512,
  };
}

/** An answer; over `maxBytes` it is cut to the bare question with the TC bit, so that the client asks over TCP. */
export function writeAnswer(
  question: Question,
  rcode: number,
  answers: readonly WireRecord[],
  maxBytes: number,
): Buffer {
  const body = Buffer.concat([question.raw, ...answers.map(writeRecord)]);
  const truncated = 12 + body.length > maxBytes;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(question.id, 0);
  // QR, AA, RA, TC; RD as asked.
  head.writeUInt16BE(0x8480 | (truncated ? 0x0200 : 0) | (question.flags & 0x0100) | rcode, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(truncated ? 0 : answers.length, 6);
  return Buffer.concat([head, truncated ? question.raw : body]);
}

function writeRecord(record: WireRecord): Buffer {
  const data = record.type === 'CNAME' ? writeName(record.data) : writeAddress(record.data);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[record.type], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(record.ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([writeName(record.name), fixed, data]);
}

function writeName(name: string): Buffer {
  const labels = name.replace(/\.$/, '').split('.').filter(Boolean);
  const parts = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function writeAddress(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, dottedToGroups).split('::');
  const groups = (text: string) => text.split(':').filter(Boolean);
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  const out = Buffer.alloc(16);
  all.forEach((group, index) => {
    out.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  });
  return out;
}

function dottedToGroups(_: string, a: string, b: string, c: string, d: string): string {
  return `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`;
}
