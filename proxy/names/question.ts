/** A question as a resolver of the job sent it (RFC 1035 section 4.1). */
export interface Question {
  /** As text, without the trailing dot; the root is empty. Not yet judged: any bytes but dots in a label. */
  readonly name: string;
  readonly type: number;
  /** Its whole section, letter case included: resolvers compare it. */
  readonly section: Buffer;
  /** Whether it says that it reads EDNS (RFC 6891). */
  readonly edns: boolean;
}

/** What is to be done about a message. `rcode`: all that is answered. */
type Reading =
  | { readonly is: 'question'; readonly question: Question }
  | { readonly is: 'error'; readonly rcode: number; readonly section?: Buffer }
  /** Not even an error: whoever answers answers, and noise, is an echo. */
  | { readonly is: 'noise' };

/** Longest message that is looked at, bytes: what resolvers send has 20 to 100, padded at most 512. */
export const MAX_QUESTION = 1_232;

export const RCODE = { formatError: 1, nameError: 3, notImplemented: 4, refused: 5 } as const;
export const TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
const CLASS = { IN: 1, ANY: 255 } as const;
/** Zone transfers, and the mail types of 1983. */
const TRANSFERS = { first: 251, last: 254 } as const;

const HEADER = 12;
const OPT_RECORD = 11;
const MAX_LABEL = 63;
const MAX_NAME = 255;

const malformed: Reading = { is: 'error', rcode: RCODE.formatError };

/**
 * Reads a message that should be one question, and nothing beside it but an OPT record: no compression, no bytes
 * behind it. Time grows with its length.
 */
export function readQuestion(message: Buffer): Reading {
  if (message.length < HEADER || message.length > MAX_QUESTION) return { is: 'noise' };
  const flags = message.readUInt16BE(2);
  if (flags & 0x8000) return { is: 'noise' };
  if (flags & 0x7800) return { is: 'error', rcode: RCODE.notImplemented };
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0) return malformed;
  const name = readName(message);
  if (name === undefined || name.end + 4 > message.length) return malformed;
  const end = name.end + 4;
  const type = message.readUInt16BE(name.end);
  const kind = message.readUInt16BE(name.end + 2);
  const section = message.subarray(HEADER, end);
  const edns = additionals === 1 && isOpt(message, end);
  if (!edns && (additionals !== 0 || end !== message.length)) return malformed;
  const isTransfer = type >= TRANSFERS.first && type <= TRANSFERS.last;
  if (isTransfer || (kind !== CLASS.IN && kind !== CLASS.ANY)) {
    return { is: 'error', rcode: RCODE.refused, section };
  }
  return { is: 'question', question: { name: name.text, type, section, edns } };
}

function readName(message: Buffer): { readonly text: string; readonly end: number } | undefined {
  const labels: string[] = [];
  for (let at = HEADER; at < message.length && at - HEADER < MAX_NAME; ) {
    const length = message[at] as number;
    if (length === 0) return { text: labels.join('.'), end: at + 1 };
    const label = message.toString('latin1', at + 1, at + 1 + length);
    // A dot within a label would be two labels to whoever reads the text.
    if (length > MAX_LABEL || label.length < length || label.includes('.')) return undefined;
    labels.push(label);
    at += 1 + length;
  }
  return undefined;
}

/** Whether what is left is one OPT record: of the root, with any options. */
function isOpt(message: Buffer, at: number): boolean {
  if (message.length < at + OPT_RECORD) return false;
  const isOfRoot = message[at] === 0 && message.readUInt16BE(at + 1) === TYPE.OPT;
  return isOfRoot && at + OPT_RECORD + message.readUInt16BE(at + 9) === message.length;
}
