import type { ServerResponse } from 'node:http';

/** What a reader may be behind before it is dropped, bytes. */
const MAX_BEHIND = 4 << 20;
/** What a piece that waits takes beside its bytes, about. */
const PIECE = 512;

/**
 * Writes a stream of unknown length to a client. One that reads too slowly is dropped: what it has not taken would
 * pile up here.
 */
export class Follower {
  readonly #response: ServerResponse;
  readonly #onEnd: () => void;
  #ended = false;
  #behind = 0;

  /** @param onEnd called once, when the client has gone, was dropped, or all is said. */
  constructor(response: ServerResponse, onEnd: () => void) {
    this.#response = response;
    this.#onEnd = onEnd;
    response.once('close', () => this.#finish());
    response.on('error', () => this.#finish());
  }

  write(data: string | Buffer): void {
    if (this.#ended) return;
    const size = Buffer.byteLength(data) + PIECE;
    this.#behind += size;
    this.#response.write(data, () => {
      this.#behind -= size;
    });
    if (this.#behind <= MAX_BEHIND) return;
    this.#response.destroy();
    this.#finish();
  }

  /** All is said. */
  end(): void {
    if (this.#ended) return;
    this.#response.end();
    this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
  }
}
