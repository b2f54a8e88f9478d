import { ByteBag } from '../util/byte-bag.js';
import { type AnswerHead, readAnswerHead, readLines } from './answer-head.js';
import { BrokenAnswer } from './broken-answer.js';
import { Chunks } from './chunks.js';

/** Who is told what an answer consists of, in its order. */
export interface AnswerSink {
  /** 1xx. */
  information(head: AnswerHead): void;
  head(head: AnswerHead): void;
  /** A part of the body: bytes of what was read, not a copy. */
  body(part: Buffer): void;
  /** That was all. Trailers are header lines. */
  whole(trailers: readonly string[]): void;
}

interface AnswerReaderOptions {
  /** Whether the request was HEAD: its answer has no body. */
  readonly toHead: boolean;
  /** Largest head, bytes. */
  readonly headerBytes: number;
}

/** Reads the answer to one request as it comes from the origin; pure. In time proportional to its bytes, however they are cut. */
export class AnswerReader {
  readonly #options: AnswerReaderOptions;
  readonly #sink: AnswerSink;
  #state: 'head' | 'length' | 'chunks' | 'trailers' | 'until-end' | 'done' = 'head';
  /** A head, or trailers, of which not all is there. */
  #part: ByteBag | undefined;
  #left = 0;
  /** Bytes of ends of lines before heads. */
  #blank = 0;
  #chunks: Chunks | undefined;
  #persists = false;

  constructor(options: AnswerReaderOptions, sink: AnswerSink) {
    this.#options = options;
    this.#sink = sink;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** Whether the connection can be used again: the answer is whole, nothing is behind it, and the origin agrees. */
  get leavesOpen(): boolean {
    return this.#state === 'done' && this.#persists;
  }

  /**
   * Takes the next bytes.
   *
   * @throws BrokenAnswer; not to be called again then.
   */
  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      switch (this.#state) {
        case 'head':
          at = this.#readHead(bytes, at);
          break;
        case 'length': {
          const part = bytes.subarray(at, at + this.#left);
          at += part.length;
          this.#left -= part.length;
          this.#sink.body(part);
          if (this.#left === 0) this.#end([]);
          break;
        }
        case 'chunks':
          this.#chunks ??= new Chunks();
          at = this.#chunks.read(bytes, at, (part) => this.#sink.body(part));
          if (this.#chunks.over) this.#state = 'trailers';
          break;
        case 'trailers':
          at = this.#readTrailers(bytes, at);
          break;
        case 'until-end':
          this.#sink.body(bytes.subarray(at));
          return;
        case 'done':
          // Nobody asked for it: the next answer would not be the one to the next request.
          this.#persists = false;
          return;
      }
    }
  }

  /** The origin has ended its side. @throws BrokenAnswer where the answer is not whole. */
  ended(): void {
    this.#persists = false;
    if (this.#state === 'until-end') this.#end([]);
    else if (this.#state !== 'done') throw new BrokenAnswer('cut');
  }

  #end(trailers: readonly string[]): void {
    this.#state = 'done';
    this.#sink.whole(trailers);
  }

  #readHead(bytes: Buffer, from: number): number {
    const block = this.#until('\r\n\r\n', bytes, from);
    if (block === undefined) return bytes.length;
    // Ends of lines before it are what some servers have left of the answer before.
    const text = block.text.replace(/^[\r\n]+/, '');
    this.#blank += block.text.length - text.length;
    if (this.#blank > this.#options.headerBytes) throw new BrokenAnswer('ends of lines without end');
    if (text === '') return block.end;
    const head = readAnswerHead(text, this.#options.toHead);
    if (head.status === 101) throw new BrokenAnswer('an upgrade that nobody asked for');
    if (head.status >= 100 && head.status < 200) {
      if (!head.persists) throw new BrokenAnswer('a 1xx that ends its connection');
      this.#sink.information(head);
      return block.end;
    }
    if (head.status < 100) throw new BrokenAnswer('an unknown status');
    this.#persists = head.persists;
    const { framing } = head;
    if (framing.kind === 'chunked') this.#state = 'chunks';
    else if (framing.kind === 'end') this.#state = 'until-end';
    else this.#state = 'length';
    this.#left = framing.kind === 'length' ? framing.length : 0;
    this.#sink.head(head);
    if (this.#state === 'length' && this.#left === 0) this.#end([]);
    return block.end;
  }

  #readTrailers(bytes: Buffer, at: number): number {
    // Without trailers there is only the empty line.
    const begun = this.#part?.bytes ?? bytes.subarray(at);
    const none = begun[0] === 0x0d && (this.#part !== undefined || begun.length > 1);
    const block = this.#until(none ? '\r\n' : '\r\n\r\n', bytes, at);
    if (block === undefined) return bytes.length;
    const lines = readLines(block.text, 0);
    for (let i = 0; i < lines.length; i += 2) {
      const name = (lines[i] as string).toLowerCase();
      if (name === 'content-length') throw new BrokenAnswer('Content-Length in a trailer');
    }
    this.#end(lines);
    return block.end;
  }

  /** Bytes up to an end that may come later, and where they end in `bytes`; undefined where that is not there yet. */
  #until(
    end: string,
    bytes: Buffer,
    at: number,
  ): { readonly text: string; readonly end: number } | undefined {
    const { headerBytes } = this.#options;
    const before = this.#part?.length ?? 0;
    let all = bytes;
    let start = at;
    if (this.#part !== undefined) {
      // No more of it than may be: the rest is none of this head's.
      this.#part.append(bytes.subarray(at, at + headerBytes + 1));
      all = this.#part.bytes;
      start = 0;
    }
    const found = all.indexOf(end, Math.max(start, start + before - end.length + 1), 'latin1');
    const length = (found < 0 ? all.length : found + end.length) - start;
    if (length > headerBytes) throw new BrokenAnswer('a head is too large');
    if (found < 0) {
      if (this.#part === undefined) {
        this.#part = new ByteBag();
        this.#part.append(bytes.subarray(at));
      }
      return undefined;
    }
    this.#part = undefined;
    return { text: all.toString('latin1', start, start + length), end: at + length - before };
  }
}
