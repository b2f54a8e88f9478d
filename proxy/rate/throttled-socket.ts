import type net from 'node:net';
import { Duplex } from 'node:stream';
import type { Allowances } from '../budget/spending.js';
import { resetSocket } from '../util/reset.js';
import { SOCKET_OPTIONS } from '../util/socket-options.js';
import type { Turn } from '../util/turns.js';
import { Download } from './download.js';
import type { Scheduler } from './scheduler.js';
import { Upload } from './upload.js';

type Done = (error?: Error | null) => void;

/**
 * An accepted socket behind its job's limit: reading gives the job's upload, writing sends its download, each byte
 * once it has been paid for. It has what Node's HTTP server must have of a socket, and no more, so it can be handed over
 * with `server.emit('connection', …)`.
 *
 * It and the socket live and die together: end, destroy and errors pass in both directions. Errors nobody listens to are
 * dropped: a job's reset must never end the process.
 */
export class ThrottledSocket extends Duplex {
  readonly #socket: net.Socket;
  readonly #upload: Upload;
  readonly #download: Download;

  constructor(socket: net.Socket, up: Scheduler, down: Scheduler) {
    super({ allowHalfOpen: true, highWaterMark: SOCKET_OPTIONS.highWaterMark });
    this.#socket = socket;
    this.#download = new Download(socket, down);
    this.#upload = new Upload(socket, up, this);
    this.on('error', ignore);
    // The socket must not answer the job's FIN by itself while there is something to send.
    socket.allowHalfOpen = true;
    // A slice is smaller than a segment now and then: Nagle's algorithm would hold it until the last one is
    // acknowledged, 40 ms later.
    socket.setNoDelay(true);
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    if (socket.destroyed) this.destroy();
  }

  /** From now on requests are read from it, in the turns of its job. */
  inTurns(turn: Turn): void {
    this.#upload.inTurns(turn);
  }

  /** What passes is for this host from now on, and so is what has passed since it was for one. */
  countFor(host: Allowances | undefined): void {
    this.#upload.countFor(host?.up);
    this.#download.countFor(host?.down);
  }

  override _read(): void {
    this.#upload.pull();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#download.send([chunk], chunk.length, done);
  }

  override _writev(entries: readonly { chunk: Buffer }[], done: Done): void {
    let bytes = 0;
    for (const { chunk } of entries) bytes += chunk.length;
    this.#download.send(
      entries.map(({ chunk }) => chunk),
      bytes,
      done,
    );
  }

  /** All that was written is with the kernel by now: the FIN goes out behind it. */
  override _final(done: Done): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#upload.drop();
    this.#download.drop();
    if (this.#socket.closed) {
      done(error);
      return;
    }
    this.#socket.once('close', () => done(error));
    this.#socket.destroy();
  }

  /** Ends the writing half and destroys the whole once everything is out, as `net.Socket` does. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** Closes with a RST instead of a FIN. */
  resetAndDestroy(): this {
    resetSocket(this.#socket);
    return this.destroy();
  }

  /** Whether bytes of this connection wait for tokens, in either direction. */
  get waiting(): boolean {
    return this.#upload.waiting || this.#download.waiting;
  }
}

function ignore(): void {}
