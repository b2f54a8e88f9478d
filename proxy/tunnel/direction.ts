/** Looks at what passes through a relay, for a while. */
export interface Watch {
  /** Nothing more is looked at: bytes need not be passed through it any more. */
  readonly over: boolean;
  /** What of the job's bytes goes on now, in place of them. They may be kept: nothing is read into them again. */
  up(chunk: Buffer): Buffer;
  /** The same for those of the origin. */
  down(chunk: Buffer): Buffer;
}

/** What passes one direction of a relay: counted, and watched for a while. */
export class Direction {
  bytes = 0;
  readonly #way: 'up' | 'down';
  #watch: Watch | undefined;

  constructor(way: 'up' | 'down', watch: Watch | undefined) {
    this.#way = way;
    this.#watch = watch;
  }

  get watched(): boolean {
    if (this.#watch?.over) this.#watch = undefined;
    return this.#watch !== undefined;
  }

  /** What of a chunk goes on now. */
  pass(chunk: Buffer): Buffer {
    const bytes = this.watched && this.#watch ? this.#watch[this.#way](chunk) : chunk;
    this.bytes += bytes.length;
    return bytes;
  }
}
