import { type Question, RCODE, TYPE } from './question.js';

/** Seconds: an address that stays for as long as the job does; what is refused now may be allowed soon. */
const TTL = 30;
/** Of a UDP message, as it is told to resolvers (the DNS flag day of 2020). */
const UDP_SIZE = 1_232;
const EXTENDED_ERROR = 15;
const BLOCKED = 15;
/** A pointer to the name of the question. */
const SAME_NAME = 0xc00c;
const EMPTY: Buffer = Buffer.alloc(0);

/** What is said to a question. */
export type Answer =
  /** The address, as four or sixteen bytes, where it was asked for; else that there is none of that type. */
  | { readonly is: 'address'; readonly bytes: readonly number[] }
  /** There is no such name. `why`: for people, where the resolver takes it (RFC 8914: Blocked). */
  | { readonly is: 'blocked'; readonly why: string };

/** Bytes of the answer to a message that asked `question`. */
export function writeAnswer(message: Buffer, question: Question, answer: Answer): Buffer {
  const { section, edns } = question;
  if (answer.is === 'blocked') {
    const additional = edns ? opt(extendedError(answer.why)) : EMPTY;
    return write(message, RCODE.nameError, section, { additional });
  }
  const type = answer.bytes.length === 4 ? TYPE.A : TYPE.AAAA;
  // What asks for all gets the one (RFC 8482).
  const wanted = question.type === type || question.type === TYPE.ANY;
  const additional = edns ? opt(EMPTY) : EMPTY;
  return write(message, 0, section, { records: wanted ? [record(type, answer.bytes)] : [], additional });
}

/** Bytes of an answer that is an error alone. */
export function writeError(message: Buffer, rcode: number, section = EMPTY): Buffer {
  return write(message, rcode, section);
}

interface Rest {
  readonly records?: readonly Buffer[];
  readonly additional?: Buffer;
}

function write(
  message: Buffer,
  rcode: number,
  section: Buffer,
  { records = [], additional = EMPTY }: Rest = {},
): Buffer {
  const head = Buffer.alloc(12);
  message.copy(head, 0, 0, 2);
  // QR and AA; opcode and RD as they were asked. RA is not said: nothing is asked of anybody.
  head.writeUInt16BE((message.readUInt16BE(2) & 0x7900) | 0x8400 | rcode, 2);
  head.writeUInt16BE(section.length > 0 ? 1 : 0, 4);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt16BE(additional.length > 0 ? 1 : 0, 10);
  return Buffer.concat([head, section, ...records, additional]);
}

function record(type: number, bytes: readonly number[]): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(SAME_NAME, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt32BE(TTL, 6);
  fixed.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([fixed, Buffer.from(bytes)]);
}

function opt(options: Buffer): Buffer {
  const fixed = Buffer.alloc(11);
  fixed.writeUInt16BE(TYPE.OPT, 1);
  fixed.writeUInt16BE(UDP_SIZE, 3);
  fixed.writeUInt16BE(options.length, 9);
  return Buffer.concat([fixed, options]);
}

function extendedError(why: string): Buffer {
  const text = Buffer.from(why, 'latin1');
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(EXTENDED_ERROR, 0);
  fixed.writeUInt16BE(2 + text.length, 2);
  fixed.writeUInt16BE(BLOCKED, 4);
  return Buffer.concat([fixed, text]);
}
