import type net from 'node:net';
import type { Allowance } from '../budget/allowance.js';
import { Flow } from './flow.js';
import type { Scheduler } from './scheduler.js';

type Done = (error?: Error | null) => void;

/**
 * What the job gets over one connection: a batch of chunks at a time, written to the socket in slices as tokens
 * come. While the socket has bytes that the kernel did not take, nothing is asked for.
 */
export class Download extends Flow {
  readonly #socket: net.Socket;
  readonly #scheduler: Scheduler;
  #chunks: readonly Buffer[] = [];
  #index = 0;
  #offset = 0;
  #left = 0;
  #blocked = false;
  #done: Done | undefined;

  constructor(socket: net.Socket, scheduler: Scheduler) {
    super();
    this.#socket = socket;
    this.#scheduler = scheduler;
  }

  /** Sends `bytes` bytes of chunks; `done` when the kernel has them all. One batch at a time. */
  send(chunks: readonly Buffer[], bytes: number, done: Done): void {
    this.#chunks = chunks;
    this.#index = 0;
    this.#offset = 0;
    this.#left = bytes;
    this.#done = done;
    if (bytes === 0) this.#finish();
    else this.#scheduler.request(this, bytes);
  }

  /** Drops what was not sent; `done` of its batch is called with an error. */
  drop(): void {
    this.#scheduler.withdraw(this);
    this.#left = 0;
    if (this.#done) this.#finish(new Error('the connection was closed before everything was sent'));
  }

  override granted(bytes: number): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    this.#left -= bytes;
    const cork = bytes > (this.#chunks[this.#index] as Buffer).length - this.#offset;
    if (cork) socket.cork();
    for (let rest = bytes; rest > 0; ) {
      const chunk = this.#chunks[this.#index] as Buffer;
      const end = Math.min(chunk.length, this.#offset + rest);
      rest -= end - this.#offset;
      socket.write(
        this.#offset === 0 && end === chunk.length ? chunk : chunk.subarray(this.#offset, end),
        this.#flushed,
      );
      this.#offset = end;
      if (end === chunk.length) {
        this.#index++;
        this.#offset = 0;
      }
    }
    if (cork) socket.uncork();
    if (socket.writableLength > 0) {
      this.#blocked = true;
      this.#scheduler.withdraw(this);
    } else if (this.#left === 0) {
      this.#finish();
    }
  }

  countFor(host: Allowance | undefined): void {
    this.#scheduler.countFor(this, host);
  }

  override aborted(): void {
    this.#socket.destroy();
  }

  readonly #flushed = (): void => {
    if (!this.#blocked || this.#socket.writableLength > 0) return;
    this.#blocked = false;
    if (this.#left === 0) this.#finish();
    else if (!this.#socket.destroyed) this.#scheduler.request(this, this.#left);
  };

  #finish(error?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    this.#chunks = [];
    done?.(error);
  }
}
