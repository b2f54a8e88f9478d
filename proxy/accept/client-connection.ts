import type http from 'node:http';
import type net from 'node:net';
import type { Allowances } from '../budget/spending.js';
import type { JudgedTarget } from '../policy/judged.js';
import type { ThrottledSocket } from '../rate/throttled-socket.js';
import { buffered } from '../util/buffered.js';
import { type Deadline, deadline } from '../util/deadlines.js';
import { keepAlive } from '../util/keep-alive.js';

/** A job's connection behind its limiter; the accepted socket itself where there is no limit. */
export type ClientStream = net.Socket | ThrottledSocket;

/** How long a connection may stay open between two requests, ms. */
const MAX_IDLE_MS = 60_000;
/**
 * A client that sent its FIN may still read, or may be gone: the same on the wire. As long as answers flow in each
 * period of so many ms it is taken to read; a request whose answer does not come is given up.
 */
const HALF_CLOSED_MS = 500;

interface ClientConnectionOptions {
  readonly id: number;
  readonly raw: net.Socket;
  readonly stream: ClientStream;
  readonly client: string;
  readonly direct?: number | undefined;
  /** Time for a request head, ms. */
  readonly headerTimeoutMs: number;
  /** A head began and did not end in time. */
  readonly onHeaderTimeout: (connection: ClientConnection) => void;
}

/** One accepted connection of the job. */
export class ClientConnection {
  readonly id: number;
  readonly raw: net.Socket;
  readonly stream: ClientStream;
  /** Address of the client. */
  readonly client: string;
  /** Requests that were read and not yet answered. */
  inFlight = 0;
  /** The last request that Node's parser has read. */
  latest: { readonly request: http.IncomingMessage; readonly response: http.ServerResponse } | undefined;
  /** Whether anything of it was read. */
  spoke = false;
  /** After a refusal that ends the connection: what still arrives is not read as a request. */
  refused = false;
  /** The port that it is for, where programs connect to it that know of no proxy. */
  readonly direct: number | undefined;
  /** Set once the connection is a tunnel that carries HTTP. */
  tunnel: JudgedTarget | undefined;
  readonly #options: ClientConnectionOptions;
  #whenGone: Set<() => void> | undefined;
  #last: (() => void) | undefined;
  #deadline: Deadline | undefined;
  #halfClosedTimer: NodeJS.Timeout | undefined;
  #mark = 0;
  #waited = 0;
  #begun = false;
  /** Whether a request was read, so that the kernel looks after it. */
  #lasts = false;
  #awaiting = false;
  #toldUp = 0;
  #toldDown = 0;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    ({ id: this.id, raw: this.raw, stream: this.stream, client: this.client, direct: this.direct } = options);
    this.stream.on('end', () => this.#halfClosed());
    this.stream.on('close', () => {
      this.#deadline?.clear();
      clearTimeout(this.#halfClosedTimer);
      this.giveUp();
    });
  }

  /** From now on a request head is due, once its first byte is there. */
  awaitHead(): void {
    if (this.raw.destroyed) return;
    this.#mark = this.raw.bytesRead;
    this.#waited = 0;
    this.#begun = false;
    this.#awaiting = true;
    // Kept over all requests: to make one for each, and to clear it, costs several times as much.
    if (this.#deadline) this.#deadline.refresh();
    else this.#deadline = deadline(this.#options.headerTimeoutMs, () => this.#check());
  }

  /** A request head is complete, or the connection is no longer for requests. */
  headArrived(): void {
    this.#awaiting = false;
  }

  /** Whether it waits for its next request, and nothing of one is there. */
  get isIdle(): boolean {
    return this.#awaiting && this.raw.bytesRead === this.#mark;
  }

  requestBegan(): void {
    if (!this.#lasts) keepAlive(this.raw);
    this.#lasts = true;
    this.inFlight++;
    this.headArrived();
  }

  requestEnded(): void {
    this.inFlight--;
    if (this.inFlight > 0) return;
    if (this.#last) this.#last();
    else this.awaitHead();
  }

  /**
   * Calls back when the connection is gone, unless told to forget it. Node tells a response that it was closed only
   * while it is the one whose turn it is: those of pipelined requests behind it would never hear of it.
   */
  whenGone(callback: () => void): () => void {
    this.#whenGone ??= new Set();
    this.#whenGone.add(callback);
    return () => this.#whenGone?.delete(callback);
  }

  /** Ends all that is under way for this connection, as if it were gone. */
  giveUp(): void {
    for (const callback of this.#whenGone ?? []) callback();
  }

  /** Calls back once, when all requests that were read are answered. */
  whenAnswered(callback: () => void): void {
    if (this.inFlight === 0) callback();
    else this.#last = callback;
  }

  /** What passes on it is for this host; undefined: for none any more. */
  countFor(host: Allowances | undefined): void {
    if ('countFor' in this.stream) this.stream.countFor(host);
  }

  /** Bytes that are buffered for it. */
  get held(): number {
    return this.stream === this.raw ? buffered(this.raw) : buffered(this.raw, this.stream);
  }

  /** Bytes of this connection in each direction since this was last asked; together they are all its bytes. */
  takeBytes(): { up: number; down: number } {
    const { bytesRead, bytesWritten } = this.raw;
    const taken = { up: bytesRead - this.#toldUp, down: bytesWritten - this.#toldDown };
    this.#toldUp = bytesRead;
    this.#toldDown = bytesWritten;
    return taken;
  }

  #halfClosed(): void {
    // Nobody else listens yet.
    if (!this.spoke) this.stream.destroy();
    if (this.inFlight === 0) return;
    const { bytesWritten } = this.raw;
    this.#halfClosedTimer = setTimeout(() => {
      if (this.raw.bytesWritten === bytesWritten && !this.waitsForTokens) this.stream.destroy();
      else this.#halfClosed();
    }, HALF_CLOSED_MS);
  }

  /** Whether bytes of it wait for the limiter, in either direction. */
  get waitsForTokens(): boolean {
    return 'waiting' in this.stream && this.stream.waiting;
  }

  /** A head gets between one and two periods: the first may end just after its first byte. */
  #check(): void {
    if (!this.#awaiting) {
      this.#deadline = undefined;
      return;
    }
    if (this.raw.bytesRead === this.#mark) {
      this.#waited += this.#options.headerTimeoutMs;
      if (this.#waited >= MAX_IDLE_MS) {
        this.stream.destroy();
        return;
      }
    } else if (!this.waitsForTokens) {
      if (this.#begun) {
        this.#options.onHeaderTimeout(this);
        return;
      }
      this.#begun = true;
    }
    this.#deadline?.refresh();
  }
}
