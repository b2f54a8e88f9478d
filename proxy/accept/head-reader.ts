import type { HttpServer } from '../http/http-server.js';
import { readSimpleHead, type SimpleHead } from '../http/simple-head.js';
import { discardInput } from '../refuse/answer.js';
import type { Turn } from '../util/turns.js';
import type { ClientConnection } from './client-connection.js';
import { readConnectHead } from './connect-head.js';

const NOTHING = Buffer.alloc(0);

/** Who answers what a connection says. */
export interface HeadHandlers {
  /** `rest`, called once if at all, gives what came behind its head so far; all else is the caller's then. Absent inside tunnels. */
  readonly connect?: (connection: ClientConnection, target: string, rest: () => Buffer) => void;
  /** `answered` is called once; `goesOn`: another request may follow. Absent: all are for Node's parser. */
  readonly simple?:
    | ((connection: ClientConnection, head: SimpleHead, answered: (goesOn: boolean) => void) => void)
    | undefined;
  /** Node's parser, for all else: from there on the connection is its. */
  readonly server: HttpServer;
  readonly headerBytes: number;
  /** Of the job. */
  readonly turn: Turn;
}

/**
 * Reads what a connection begins with, and what follows each simple request: mostly another one, or a CONNECT, and easily
 * read. One request at a time: a client that does not wait for its answer is left to Node's parser, behind that answer.
 */
export class HeadReader {
  readonly #connection: ClientConnection;
  readonly #handlers: HeadHandlers;
  #busy = false;
  #watchesEnd = false;
  #ended = false;
  #ahead: Buffer | undefined;

  constructor(connection: ClientConnection, handlers: HeadHandlers) {
    this.#connection = connection;
    this.#handlers = handlers;
    connection.stream.on('data', this.#onData);
    // One that never says anything is closed by `ClientConnection`.
    if (connection.spoke) this.#watchEnd();
  }

  #watchEnd(): void {
    if (this.#watchesEnd) return;
    this.#watchesEnd = true;
    this.#connection.stream.on('end', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    const { turn } = this.#handlers;
    // Even where its turn is still to come: one that has ended by then is answered.
    this.#connection.spoke = true;
    this.#watchEnd();
    if (!this.#busy && turn.mayBegin) {
      turn.run(() => this.#read(chunk));
      return;
    }
    if (!this.#busy) {
      this.#busy = true;
      turn.wait(this.#inTurn);
    }
    this.#keep(chunk);
  };

  /** Nothing of it is lost: it is read once the answer is out. */
  #keep(chunk: Buffer): void {
    this.#ahead = this.#ahead ? Buffer.concat([this.#ahead, chunk]) : chunk;
    this.#connection.stream.pause();
  }

  readonly #onEnd = (): void => {
    this.#ended = true;
    if (!this.#busy) this.#close();
  };

  readonly #inTurn = (): void => {
    const { stream, refused } = this.#connection;
    const chunk = this.#ahead;
    this.#busy = false;
    this.#ahead = undefined;
    if (stream.destroyed || refused || chunk === undefined) return;
    stream.resume();
    this.#read(chunk);
  };

  #read(chunk: Buffer): void {
    const connection = this.#connection;
    const { connect, simple, headerBytes } = this.#handlers;
    const head = simple && readSimpleHead(chunk, connect === undefined, headerBytes);
    if (simple && head) {
      this.#busy = true;
      // What follows a request that said it was the last is nothing to anybody.
      if (head.closes) {
        this.#leave();
        discardInput(connection.stream);
      }
      simple(connection, head, this.#answered);
      return;
    }
    const tunnel = connect && readConnectHead(chunk);
    if (tunnel) {
      // Not paused, unless more is here: that costs system calls, and mostly nobody speaks before the answer.
      this.#busy = true;
      if (tunnel.length < chunk.length) this.#keep(chunk.subarray(tunnel.length));
      connect(connection, tunnel.target, this.#rest);
      return;
    }
    this.#leave();
    connection.stream.pause();
    this.#handOver(chunk);
  }

  readonly #rest = (): Buffer => {
    this.#leave();
    return this.#ahead ?? NOTHING;
  };

  readonly #answered = (goesOn: boolean): void => {
    const { stream, refused } = this.#connection;
    this.#busy = false;
    if (stream.destroyed || refused) return;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (!goesOn || this.#ended) this.#close();
    else if (ahead) {
      this.#leave();
      this.#handOver(ahead);
    }
  };

  #handOver(chunk: Buffer): void {
    const { stream } = this.#connection;
    stream.unshift(chunk);
    if ('inTurns' in stream) stream.inTurns(this.#handlers.turn);
    this.#handlers.server.serve(stream);
    stream.resume();
  }

  #close(): void {
    this.#leave();
    if (!this.#connection.refused) this.#connection.stream.destroySoon();
  }

  #leave(): void {
    this.#connection.stream.off('data', this.#onData);
    if (this.#watchesEnd) this.#connection.stream.off('end', this.#onEnd);
  }
}
