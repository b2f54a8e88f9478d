import type net from 'node:net';
import type { Allowance } from '../budget/allowance.js';
import type { Turn } from '../util/turns.js';
import { Flow } from './flow.js';
import type { Scheduler } from './scheduler.js';

/** What may hold requests is passed on in pieces of so many bytes: there is room for a hundred in one. */
const SLICE = 2_048;

/** Where an upload goes; `push` as in `stream.Readable`, `null` after the last byte. */
interface UploadSink {
  push(chunk: Buffer | null): boolean;
  destroy(): void;
}

/**
 * What the job sends over one connection. What was read and may not pass yet stays in the socket's own buffer, which
 * Node fills with one read (64 KiB) at most once it is below its high-water mark: so a stalled or waiting connection
 * holds no more than that.
 */
export class Upload extends Flow {
  readonly #socket: net.Socket;
  readonly #scheduler: Scheduler;
  readonly #sink: UploadSink;
  #pulled = false;
  #turn: Turn | undefined;
  #waits = false;

  constructor(socket: net.Socket, scheduler: Scheduler, sink: UploadSink) {
    super();
    this.#socket = socket;
    this.#scheduler = scheduler;
    this.#sink = sink;
    socket.on('readable', () => this.#ask());
    socket.on('end', () => sink.push(null));
  }

  /** From now on requests are read from it, in the turns of its job. */
  inTurns(turn: Turn): void {
    this.#turn = turn;
  }

  /** The sink has room. */
  pull(): void {
    this.#pulled = true;
    this.#ask();
  }

  /** Nothing more is wanted. */
  drop(): void {
    this.#pulled = false;
    this.#scheduler.withdraw(this);
  }

  override granted(bytes: number): void {
    if (this.#turn) this.#turn.run(() => this.#pass(bytes));
    else this.#pass(bytes);
  }

  #pass(bytes: number): void {
    let room = true;
    for (let rest = bytes; rest > 0; ) {
      const chunk = this.#take(rest);
      // Destroyed meanwhile.
      if (chunk === null) return;
      rest -= chunk.length;
      room = this.#sink.push(chunk);
    }
    if (room) this.#ask();
    else this.drop();
  }

  #take(bytes: number): Buffer | null {
    const socket = this.#socket;
    if (bytes >= socket.readableLength) return socket.read();
    // Node raises the high-water mark for good when a read asks for more than it.
    return socket.read(Math.min(bytes, socket.readableHighWaterMark));
  }

  countFor(host: Allowance | undefined): void {
    this.#scheduler.countFor(this, host);
  }

  override aborted(): void {
    this.#sink.destroy();
  }

  #ask(): void {
    if (!this.#pulled || this.#waits || this.#socket.destroyed) return;
    if (this.#turn && !this.#turn.mayBegin) {
      this.#waits = true;
      this.#turn.wait(() => {
        this.#waits = false;
        this.#askNow();
      });
      return;
    }
    this.#askNow();
  }

  #askNow(): void {
    if (!this.#pulled || this.#socket.destroyed) return;
    const held = this.#socket.readableLength;
    if (held > 0) this.#scheduler.request(this, this.#turn ? Math.min(held, SLICE) : held);
    // Nothing held: this asks for more, or brings out the end.
    else this.#socket.read();
  }
}
