import { Writable } from 'node:stream';

export type JobStream = 'stdout' | 'stderr';

interface Piece {
  readonly stream: JobStream;
  readonly data: Buffer;
}

/** What of a job's output is kept, bytes. */
const KEPT = 1 << 20;

/** The output of a job: the end of it is kept, and those who follow get all from then on. */
export class JobLog {
  readonly #pieces: Piece[] = [];
  #size = 0;
  /** Bytes of the beginning that are no longer kept. */
  dropped = 0;
  readonly #listeners = new Set<{ data: (piece: Piece) => void; end: () => void }>();
  #ended = false;

  /** Where the job's container writes. */
  sink(stream: JobStream): Writable {
    return new Writable({
      write: (data: Buffer, _encoding, done) => {
        this.#add({ stream, data });
        done();
      },
    });
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    for (const { end } of [...this.#listeners]) end();
    this.#listeners.clear();
  }

  /** What is kept, of one stream or of both. */
  text(only?: JobStream): Buffer {
    return Buffer.concat(
      this.#pieces.filter(({ stream }) => !only || stream === only).map(({ data }) => data),
    );
  }

  /** @returns what ends the following; `end` is called where the job's output does. */
  follow(only: JobStream | undefined, data: (data: Buffer) => void, end: () => void): () => void {
    if (this.#ended) {
      end();
      return () => {};
    }
    const listener = {
      data: (piece: Piece) => {
        if (!only || piece.stream === only) data(piece.data);
      },
      end,
    };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #add(piece: Piece): void {
    this.#pieces.push(piece);
    this.#size += piece.data.length;
    while (this.#size > KEPT && this.#pieces.length > 1) {
      const { length } = this.#pieces.shift()?.data ?? Buffer.alloc(0);
      this.#size -= length;
      this.dropped += length;
    }
    for (const listener of this.#listeners) listener.data(piece);
  }
}
