import { Writable } from 'node:stream';

export type JobStream = 'stdout' | 'stderr';

/** What of a job's output is kept, bytes, what it takes to keep it included. */
const KEPT = 1 << 20;
const BLOCK = 16 << 10;
/** Before each run of bytes of one stream: its length and, in the highest bit, which stream it is. */
const HEADER = 4;
const STDERR = 0x8000_0000;

/** Runs of bytes, one after the other, each with its header. However small they are, they take no more than this. */
class Block {
  data = Buffer.allocUnsafe(BLOCK);
  used = 0;
  #last = 0;
  /** Bytes of output in it. */
  length = 0;

  /** @returns how much of it was taken. */
  add(stream: JobStream, piece: Buffer): number {
    const flag = stream === 'stderr' ? STDERR : 0;
    const goesOn = this.used > 0 && ((this.data.readUInt32BE(this.#last) ^ flag) & STDERR) === 0;
    if (!goesOn) {
      if (this.used + HEADER >= BLOCK) return 0;
      this.#last = this.used;
      this.used += HEADER;
    }
    const taken = piece.copy(this.data, this.used);
    this.used += taken;
    this.length += taken;
    this.data.writeUInt32BE((this.used - this.#last - HEADER + flag) >>> 0, this.#last);
    return taken;
  }

  /** Nothing is added any more. */
  trim(): void {
    this.data = Buffer.from(this.data.subarray(0, this.used));
  }

  /** Writes what it has of a stream, or of both, and says where that ends. */
  copy(to: Buffer, at: number, only: JobStream | undefined): number {
    for (let from = 0; from < this.used; ) {
      const header = this.data.readUInt32BE(from);
      const end = from + HEADER + (header % STDERR);
      if (!only || only === (header >= STDERR ? 'stderr' : 'stdout')) {
        at += this.data.copy(to, at, from + HEADER, end);
      }
      from = end;
    }
    return at;
  }
}

interface Listener {
  readonly only: JobStream | undefined;
  readonly data: (data: Buffer) => void;
  readonly end: () => void;
  waiting: Buffer[];
}

/** The output of a job: the end of it is kept, and those who follow get all from then on. */
export class JobLog {
  #blocks: Block[] = [];
  readonly #listeners = new Set<Listener>();
  #scheduled = false;
  #ended = false;

  /** Where the job's container writes. */
  sink(stream: JobStream): Writable {
    return new Writable({
      write: (data: Buffer, _encoding, done) => {
        this.#add(stream, data);
        done();
      },
    });
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#blocks.at(-1)?.trim();
    this.#tell();
    for (const { end } of [...this.#listeners]) end();
    this.#listeners.clear();
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.#blocks.reduce((sum, { data }) => sum + data.length, 0);
  }

  /** Keeps nothing of what has come. */
  drop(): void {
    this.#blocks = [];
  }

  /** What is kept, of one stream or of both. */
  text(only?: JobStream): Buffer {
    const whole = Buffer.allocUnsafe(this.#blocks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const block of this.#blocks) at = block.copy(whole, at, only);
    return whole.subarray(0, at);
  }

  /**
   * What came in one turn of the event loop is told in one piece.
   *
   * @returns what ends the following; `end` is called where the job's output does.
   */
  follow(only: JobStream | undefined, data: (data: Buffer) => void, end: () => void): () => void {
    if (this.#ended) {
      end();
      return () => {};
    }
    // What came before is not told twice.
    this.#tell();
    const listener: Listener = { only, data, end, waiting: [] };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #add(stream: JobStream, piece: Buffer): void {
    for (let rest = piece; rest.length > 0; ) {
      const taken = this.#blocks.at(-1)?.add(stream, rest) ?? 0;
      rest = rest.subarray(taken);
      if (rest.length === 0) break;
      this.#blocks.push(new Block());
      if (this.#blocks.length > KEPT / BLOCK) this.#blocks.shift();
    }
    for (const { only, waiting } of this.#listeners) {
      if (!only || only === stream) waiting.push(piece);
    }
    if (this.#listeners.size === 0 || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#scheduled = false;
    for (const listener of this.#listeners) {
      if (listener.waiting.length === 0) continue;
      const data = Buffer.concat(listener.waiting);
      listener.waiting = [];
      listener.data(data);
    }
  }
}
