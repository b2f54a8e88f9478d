import net, { type OnReadOpts } from 'node:net';
import type { LargeBuffers } from './large-buffers.js';

/**
 * Where most reads go. What is in it is copied at once, so all sockets of the process share it, and an idle one has no
 * buffer.
 */
const shared = Buffer.allocUnsafeSlow(65_536);

/** Where a reader puts what it reads. */
export interface Sink {
  write(chunk: Buffer): boolean;
  readonly writableLength: number;
  readonly writableHighWaterMark: number;
  readonly writableNeedDrain: boolean;
}

const readers = new WeakMap<object, SocketReader>();

/**
 * Reads a socket into buffers that are used again, where Node makes one for each read: that costs more than the read.
 * At first it passes on what it reads as the socket itself would, so that nobody notices; `relayTo` gives it a sink.
 *
 * A flood goes through a large buffer without a copy. That may only be read into again once the sink has written all
 * of it, so until then nothing is read.
 */
export class SocketReader implements OnReadOpts {
  readonly #large: LargeBuffers;
  #socket: net.Socket | undefined;
  #buffer: Buffer = shared;
  #sink: Sink | undefined;
  #count: (bytes: number) => void = () => {};

  constructor(large: LargeBuffers) {
    this.#large = large;
  }

  /** The reader of a socket; undefined where Node reads it. */
  static of(socket: object): SocketReader | undefined {
    return readers.get(socket);
  }

  /**
   * An accepted connection with a reader, in place of the socket that Node made for it. Node has no public way to do
   * that; where the private one is not what it was in Node 20, the socket is given back as it is.
   */
  static accept(accepted: net.Socket, large: LargeBuffers): net.Socket {
    const holder = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null };
    const handle = holder._handle;
    if (typeof handle?.useUserBuffer !== 'function') return accepted;
    const reader = new SocketReader(large);
    holder._handle = null;
    const options = { handle, allowHalfOpen: true, onread: reader };
    const socket = new net.Socket(options as net.SocketConstructorOpts);
    reader.attach(socket);
    // Its server counts it as gone.
    accepted.destroy();
    return socket;
  }

  /** Node asks for it before each read. */
  readonly buffer = (): Uint8Array => this.#buffer;

  /** Node has read so much; false: nothing more until `resume()`. */
  readonly callback = (length: number): boolean => {
    const sink = this.#sink;
    if (sink === undefined) return this.#socket?.push(Buffer.from(shared.subarray(0, length))) ?? false;
    this.#count(length);
    const buffer = this.#buffer;
    const bytes = buffer.subarray(0, length);
    // Less than the high-water mark could be held up without a `drain` after it.
    const copied = buffer === shared || length < shared.length || length < sink.writableHighWaterMark;
    sink.write(copied ? Buffer.from(bytes) : bytes);
    if (sink.writableLength > 0) return copied && !sink.writableNeedDrain;
    if (buffer === shared && length === shared.length) this.#buffer = this.#large.take() ?? shared;
    else if (copied) this.#release();
    return true;
  };

  /** The socket that it reads; before the first byte. */
  attach(socket: net.Socket): void {
    this.#socket = socket;
    readers.set(socket, this);
    socket.once('close', () => this.#release());
  }

  /** From now on everything goes to `sink`, what was read already first. On the sink's `drain` resume the socket. */
  relayTo(sink: Sink, count: (bytes: number) => void): void {
    for (let chunk = this.#socket?.read(); chunk; chunk = this.#socket?.read()) {
      count(chunk.length);
      sink.write(chunk);
    }
    this.#count = count;
    this.#sink = sink;
  }

  #release(): void {
    if (this.#buffer === shared) return;
    // The sink may still have it in its queue.
    if (this.#sink?.writableLength === 0) this.#large.give(this.#buffer);
    else this.#large.lose();
    this.#buffer = shared;
  }
}
