import { BrokenAnswer } from './broken-answer.js';

/** Hexadecimal digits of a size: what is more than 2^52 bytes is none. */
const MAX_DIGITS = 13;
/** Bytes of all extensions of a message (RFC 9112 section 7.1.1); they are not passed on. */
const MAX_EXTENSIONS = 16_384;

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;

/** Takes a body in chunks apart (RFC 9112 section 7.1), as it comes, and looks at each byte of its framing once. */
export class Chunks {
  #state: 'size' | 'extension' | 'size-end' | 'data' | 'data-cr' | 'data-lf' = 'size';
  #size = 0;
  #digits = 0;
  #extensions = 0;
  /** Whether the last chunk, of no bytes, is read: trailers follow. */
  over = false;

  /**
   * Reads from `at`, gives data to `data`, and gives where it stopped: the end of the bytes, or what is behind the last
   * chunk.
   *
   * @throws BrokenAnswer
   */
  read(bytes: Buffer, from: number, data: (part: Buffer) => void): number {
    let at = from;
    while (at < bytes.length && !this.over) {
      if (this.#state === 'data') {
        const part = bytes.subarray(at, at + this.#size);
        at += part.length;
        this.#size -= part.length;
        if (this.#size === 0) this.#state = 'data-cr';
        data(part);
      } else {
        this.#step(bytes[at++] as number);
      }
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'size': {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          if (++this.#digits > MAX_DIGITS) throw new BrokenAnswer('a chunk is too large');
          this.#size = this.#size * 16 + digit;
          return;
        }
        if (this.#digits === 0) throw new BrokenAnswer('a chunk has no size');
        if (byte === CR) this.#state = 'size-end';
        else if (byte === SEMICOLON) this.#state = 'extension';
        else throw new BrokenAnswer('the size of a chunk is no number');
        return;
      }
      case 'extension':
        if (byte === CR) this.#state = 'size-end';
        else if (byte < 0x20 || byte > 0x7e || ++this.#extensions > MAX_EXTENSIONS) {
          throw new BrokenAnswer('an extension of a chunk is broken');
        }
        return;
      case 'size-end':
        this.#expect(byte, LF);
        this.over = this.#size === 0;
        this.#state = 'data';
        this.#digits = 0;
        return;
      case 'data-cr':
        this.#expect(byte, CR);
        this.#state = 'data-lf';
        return;
      default:
        this.#expect(byte, LF);
        this.#state = 'size';
    }
  }

  #expect(byte: number, expected: number): void {
    if (byte !== expected) throw new BrokenAnswer('a chunk does not end where it should');
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
