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
/** A tab is space to newer parsers of Node, and to older ones a part of these values: bodies end elsewhere then. */
const TAB_BEHIND = /\n(?:content-length:[\t ]*[0-9]+|transfer-encoding:[\t ]*chunked) *\t/i;

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
  let closes = false;
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
      case 'proxy-connection':
        closes ||= value.split(',').some((token) => token.trim().toLowerCase() === 'close');
    }
  }
  if (text.includes('\t') && TAB_BEHIND.test(text))
    throw new BrokenAnswer('a tab behind what delimits the body');
  if (chunked && length !== undefined)
    throw new BrokenAnswer('Transfer-Encoding and Content-Length together');
  const delimited: AnswerFraming = chunked
    ? { kind: 'chunked' }
    : length !== undefined
      ? { kind: 'length', length }
      : { kind: 'end' };
  const empty = status < 200 || status === 204 || status === 304;
  // One of HTTP/1.0 could be asked to keep it; none is.
  const keeps = first[1] === '1.1' && !closes;
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
