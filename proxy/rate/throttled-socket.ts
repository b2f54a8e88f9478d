import type net from 'node:net';
import { Duplex } from 'node:stream';
import { resetSocket } from '../util/reset.js';
import { SOCKET_OPTIONS } from '../util/socket-options.js';
import { Download } from './download.js';
import type { Scheduler } from './scheduler.js';
import { Upload } from './upload.js';

type Done = (error?: Error | null) => void;

/**
 * An accepted socket behind its job's limit: reading gives the job's upload, writing sends its download, each byte
 * once it has been paid for. It has what Node's HTTP server uses of a socket, so it can be handed over with
 * `server.emit('connection', …)`.
 *
 * It and the socket live and die together: end, destroy, errors and timeouts pass in both directions. Errors nobody
 * listens to are dropped: a job's reset must never end the process.
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
    socket.on('timeout', () => this.#timedOut());
    if (socket.destroyed) this.destroy();
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

  /** As `net.Socket.setTimeout`; time in which the connection waits for tokens is not idle. */
  setTimeout(ms: number, callback?: () => void): this {
    this.#socket.setTimeout(ms);
    if (callback) {
      if (ms === 0) this.removeListener('timeout', callback);
      else this.once('timeout', callback);
    }
    return this;
  }

  get timeout(): number | undefined {
    return this.#socket.timeout;
  }

  #timedOut(): void {
    if (this.waiting) this.#socket.setTimeout(this.#socket.timeout ?? 0);
    else this.emit('timeout');
  }

  /** Whether bytes of this connection wait for tokens, in either direction. */
  get waiting(): boolean {
    return this.#upload.waiting || this.#download.waiting;
  }

  setNoDelay(noDelay?: boolean): this {
    this.#socket.setNoDelay(noDelay);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelay?: number): this {
    this.#socket.setKeepAlive(enable, initialDelay);
    return this;
  }

  ref(): this {
    this.#socket.ref();
    return this;
  }

  unref(): this {
    this.#socket.unref();
    return this;
  }

  address(): ReturnType<net.Socket['address']> {
    return this.#socket.address();
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get remoteFamily(): string | undefined {
    return this.#socket.remoteFamily;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  /** Bytes that came from the job so far, those not yet released included. */
  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  /** Bytes sent to the job so far; those that wait for tokens are not. */
  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  get connecting(): boolean {
    return false;
  }
}

function ignore(): void {}
