import type net from 'node:net';
import type { OnReadOpts } from 'node:net';
import type { Direction } from './direction.js';
import type { LargeBuffers } from './large-buffers.js';

/**
 * Where most reads go. What is in it is copied at once, so all sockets of the process share it, and an idle one has no
 * buffer.
 */
const shared = Buffer.allocUnsafeSlow(65_536);

/** Where a reader puts what it reads. */
interface Sink {
  write(chunk: Buffer): boolean;
  readonly writableLength: number;
  readonly writableHighWaterMark: number;
  readonly writableNeedDrain: boolean;
}

/** Where a socket has its reader: a WeakMap costs more than all else here. */
const READER = Symbol('reader');

/** What Node 20 to 26 keep of `onread` in a socket, under symbols of these names; null in one without. */
export const NODE_FIELDS = ['kBuffer', 'kBufferCb', 'kBufferGen'] as const;

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
  #to: { readonly sink: Sink; readonly direction: Direction } | undefined;
  #listens = false;

  constructor(large: LargeBuffers) {
    this.#large = large;
  }

  /** The reader of a socket; undefined where Node reads it. */
  static of(socket: object): SocketReader | undefined {
    return (socket as { [READER]?: SocketReader })[READER];
  }

  /**
   * Gives a reader to an accepted socket. Node has no public way to do that; where the private one is not what it
   * was in Node 20, Node goes on to read the socket.
   */
  static adopt(socket: net.Socket, large: LargeBuffers): void {
    const holder = socket as unknown as { _handle: Handle | null } & Record<symbol, unknown>;
    const handle = holder._handle;
    const buffer = fieldOf(socket, NODE_FIELDS[0]);
    const callback = fieldOf(socket, NODE_FIELDS[1]);
    const generator = fieldOf(socket, NODE_FIELDS[2]);
    if (!buffer || !callback || !generator || typeof handle?.useUserBuffer !== 'function') return;
    if (holder[buffer] !== null || holder[callback] !== null || holder[generator] !== null) return;
    const reader = new SocketReader(large);
    holder[buffer] = reader.buffer();
    holder[callback] = reader.callback;
    holder[generator] = reader.buffer;
    handle.useUserBuffer(shared);
    reader.attach(socket);
  }

  /** Node asks for it before each read. */
  readonly buffer = (): Uint8Array => this.#buffer;

  /** Node has read so much; false: nothing more until `resume()`. */
  readonly callback = (length: number): boolean => {
    if (this.#to === undefined) {
      return this.#socket?.push(Buffer.from(shared.subarray(0, length))) ?? false;
    }
    const { sink, direction } = this.#to;
    if (direction.watched) {
      pass(Buffer.from(shared.subarray(0, length)), direction, sink);
      return !sink.writableNeedDrain;
    }
    direction.bytes += length;
    const buffer = this.#buffer;
    const bytes = buffer.subarray(0, length);
    // Less than the high-water mark could be held up without a `drain` after it.
    const copied = buffer === shared || length < shared.length || length < sink.writableHighWaterMark;
    sink.write(copied ? Buffer.from(bytes) : bytes);
    if (sink.writableLength > 0) return copied && !sink.writableNeedDrain;
    if (buffer === shared && length === shared.length) this.#enlarge();
    else if (copied) this.#release();
    return true;
  };

  /** The socket that it reads; before the first byte. */
  attach(socket: net.Socket): void {
    this.#socket = socket;
    (socket as { [READER]?: SocketReader })[READER] = this;
  }

  /** From now on everything goes to `sink`, what was read already first. On the sink's `drain` resume the socket. */
  relayTo(sink: Sink, direction: Direction): void {
    for (let chunk = this.#socket?.read(); chunk; chunk = this.#socket?.read()) pass(chunk, direction, sink);
    this.#to = { sink, direction };
  }

  #enlarge(): void {
    const buffer = this.#large.take();
    if (buffer === undefined) return;
    this.#buffer = buffer;
    if (this.#listens) return;
    this.#listens = true;
    this.#socket?.once('close', () => this.#release());
  }

  #release(): void {
    if (this.#buffer === shared) return;
    // The sink may still have it in its queue.
    if (this.#to?.sink.writableLength === 0) this.#large.give(this.#buffer);
    else this.#large.lose();
    this.#buffer = shared;
  }
}

function pass(chunk: Buffer, direction: Direction, sink: Sink): void {
  const bytes = direction.pass(chunk);
  if (bytes.length > 0) sink.write(bytes);
}

interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
}

const fields = new Map<string, symbol>();

/** A field that Node sets in every socket. */
function fieldOf(socket: net.Socket, name: string): symbol | undefined {
  const known = fields.get(name);
  if (known) return known;
  const found = Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
  if (found) fields.set(name, found);
  return found;
}
