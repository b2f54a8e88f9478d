const EMPTY = Buffer.alloc(0);

/** Bytes that arrive in pieces, held in one piece: a piece of one byte costs one byte. */
export class ByteBag {
  #buffer: Buffer = EMPTY;
  #length = 0;
  /** Whether the buffer is the first chunk itself, which is not ours to write into. */
  #borrowed = false;

  get length(): number {
    return this.#length;
  }

  /** All that was appended so far. */
  get bytes(): Buffer {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#length);
  }

  append(chunk: Buffer): void {
    if (chunk.length === 0) return;
    const length = this.#length + chunk.length;
    if (this.#length === 0) {
      // Nearly always all comes in one piece: no copy then.
      this.#buffer = chunk;
      this.#borrowed = true;
    } else {
      if (this.#borrowed || length > this.#buffer.length) this.#grow(length);
      chunk.copy(this.#buffer, this.#length);
    }
    this.#length = length;
  }

  #grow(length: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#length, 512));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    this.#borrowed = false;
  }
}
