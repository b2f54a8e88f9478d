import { BrokenAnswer } from './broken-answer.js';
import { withoutSpace } from './simple-head.js';

/** What ends the body of an answer (RFC 9112 section 6.3). */
type AnswerFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  /** The connection's end. */
  | { readonly kind: 'end' };

export interface AnswerHead {
  readonly status: number;
  /** May have any byte but CR and LF. */
  readonly phrase: string;
  /** Header lines in order, `name, value, name, value, …`. */
  readonly lines: readonly string[];
  readonly framing: AnswerFraming;
  /** Whether the origin keeps the connection open behind it. */
  readonly persists: boolean;
}

/** What Node's parser takes, version by version. */
const STATUS_LINE = /^HTTP\/(0\.9|1\.0|1\.1|2\.0) ([0-9]{3})(?: ([^\r\n]*))?\r\n/;
const LINE = /([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y;
const LENGTH = /^[0-9]{1,15}$/;
/** A tab behind a length is space to newer parsers of Node, and an error to older ones. */
const TAB_BEHIND_LENGTH = /\ncontent-length:[\t ]*[0-9]+ *\t/i;

/**
 * Reads the head of an answer, from its first byte to the empty line; as strict as Node's parser is.
 *
 * @param text its bytes as latin1
 * @throws BrokenAnswer
 */
export function readAnswerHead(text: string, toHead: boolean): AnswerHead {
  const first = STATUS_LINE.exec(text);
  if (first === null) throw new BrokenAnswer('not a status line');
  const status = Number(first[2]);
  const lines = readLines(text, first[0].length);
  let length: number | undefined;
  let chunked = false;
  let asksToClose = false;
  let asksToKeep = false;
  for (let i = 0; i < lines.length; i += 2) {
    const value = lines[i + 1] as string;
    switch (lowerOf(lines[i] as string)) {
      case 'content-length':
        if (length !== undefined || !LENGTH.test(value)) throw new BrokenAnswer('Content-Length is broken');
        length = Number(value);
        break;
      case 'transfer-encoding':
        // Another coding ends at this hop, and nobody undoes it here.
        if (value.toLowerCase() !== 'chunked') throw new BrokenAnswer('an unknown transfer coding');
        chunked = true;
        break;
      case 'connection':
      case 'proxy-connection': {
        const asked = value.toLowerCase().split(',');
        for (const token of asked) {
          if (token.trim() === 'close') asksToClose = true;
          else if (token.trim() === 'keep-alive') asksToKeep = true;
        }
      }
    }
  }
  if (length !== undefined && text.includes('\t') && TAB_BEHIND_LENGTH.test(text)) {
    throw new BrokenAnswer('Content-Length is broken');
  }
  if (chunked && length !== undefined)
    throw new BrokenAnswer('Transfer-Encoding and Content-Length together');
  const delimited: AnswerFraming = chunked
    ? { kind: 'chunked' }
    : length !== undefined
      ? { kind: 'length', length }
      : { kind: 'end' };
  const empty = status < 200 || status === 204 || status === 304;
  const keeps = first[1] === '1.1' ? !asksToClose : first[1] === '1.0' && asksToKeep && !asksToClose;
  return {
    status,
    phrase: first[3] ?? '',
    lines,
    framing: empty || toHead ? { kind: 'none' } : delimited,
    persists: keeps && (empty || delimited.kind !== 'end'),
  };
}

/**
 * Header lines from `from` to the empty line that ends `text`.
 *
 * @throws BrokenAnswer
 */
export function readLines(text: string, from: number): string[] {
  const lines: string[] = [];
  LINE.lastIndex = from;
  let at = from;
  for (let match = LINE.exec(text); match !== null; match = LINE.exec(text)) {
    at = LINE.lastIndex;
    const value = match[2] as string;
    lines.push(match[1] as string, withoutSpace(value, 0, value.length));
  }
  if (at !== text.length - 2 || !text.endsWith('\r\n')) throw new BrokenAnswer('a header line is broken');
  return lines;
}

/** The few names that matter here have these lengths: others need not be lowered. */
const LENGTHS = new Set(
  ['connection', 'proxy-connection', 'content-length', 'transfer-encoding'].map(({ length }) => length),
);

function lowerOf(name: string): string {
  return LENGTHS.has(name.length) ? name.toLowerCase() : '';
}
