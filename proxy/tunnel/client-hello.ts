import { ByteBag } from '../util/byte-bag.js';

/**
 * Reads the TLS ClientHello that a tunnel begins with (RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3), as it
 * arrives: over any number of segments and records. Pure; what it accepts has exactly one meaning.
 */
export type ClientHello =
  /** Well-formed so far. */
  | { readonly state: 'more' }
  /** Well-formed to its end. `name` is the one host name it has, as sent, or undefined where it has none. */
  | { readonly state: 'done'; readonly name: string | undefined }
  | { readonly state: 'malformed'; readonly problem: string };

/** Largest ClientHello that is read, bytes with all record headers. Real ones have 0.2 to 2 KiB. */
export const MAX_HELLO = 16_384 + 1_024;

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const MAX_RECORD = 16_384;
const MORE: ClientHello = { state: 'more' };

/** Takes the client's first bytes as they come, in time proportional to them, however they are cut. */
export class ClientHelloReader {
  #pieces: Pieces | undefined;
  #length = 0;

  /** Bytes that were read, record headers included; those behind a ClientHello that is done are not. */
  get length(): number {
    return this.#pieces?.length ?? this.#length;
  }

  /** Not to be called again once the state is another than `more`. */
  push(chunk: Buffer): ClientHello {
    const end = this.#pieces === undefined ? endOfWhole(chunk) : 0;
    if (end > 0) {
      this.#length = end;
      return readMessage(chunk, RECORD_HEADER + MESSAGE_HEADER, end);
    }
    this.#pieces ??= new Pieces();
    return this.#pieces.push(chunk);
  }
}

/** Where a ClientHello ends that begins with a chunk and is whole in it, in a record of its own; else 0. */
function endOfWhole(chunk: Buffer): number {
  if (chunk.length < RECORD_HEADER + MESSAGE_HEADER) return 0;
  if (chunk[0] !== HANDSHAKE || chunk[1] !== 3 || chunk[5] !== CLIENT_HELLO) return 0;
  const record = chunk.readUInt16BE(3);
  const end = RECORD_HEADER + record;
  if (record > MAX_RECORD || end > chunk.length) return 0;
  return MESSAGE_HEADER + chunk.readUIntBE(6, 3) === record ? end : 0;
}

/** One that comes in several chunks or records, or is broken: put together. */
class Pieces {
  readonly #message = new ByteBag();
  readonly #header = Buffer.alloc(RECORD_HEADER);
  #headerLength = 0;
  /** Bytes of the present record that are still to come. */
  #recordLeft = 0;
  length = 0;

  push(chunk: Buffer): ClientHello {
    for (let at = 0; at < chunk.length; ) {
      if (this.#recordLeft === 0) {
        this.#header[this.#headerLength++] = chunk[at++] as number;
        this.length++;
        const problem = this.#headerProblem();
        if (problem !== undefined) return malformed(problem);
        continue;
      }
      const part = chunk.subarray(at, at + this.#recordLeft);
      at += part.length;
      this.length += part.length;
      this.#recordLeft -= part.length;
      this.#message.append(part);
      const read = this.#readMessage();
      if (read !== undefined) return read;
    }
    return this.length > MAX_HELLO ? malformed(`the ClientHello is longer than ${MAX_HELLO} bytes`) : MORE;
  }

  /** Judges each byte as soon as it is there: what is not TLS does not get to wait for more. */
  #headerProblem(): string | undefined {
    const header = this.#header;
    if (this.#headerLength === 1 && header[0] !== HANDSHAKE) return 'a record is not of the handshake';
    if (this.#headerLength === 2 && header[1] !== 3) return 'a record has an unknown version';
    if (this.#headerLength < RECORD_HEADER) return undefined;
    const length = header.readUInt16BE(3);
    if (length === 0) return 'a record is empty';
    if (length > MAX_RECORD) return 'a record is longer than 16 KiB';
    this.#headerLength = 0;
    this.#recordLeft = length;
    return undefined;
  }

  #readMessage(): ClientHello | undefined {
    const { bytes } = this.#message;
    if (bytes[0] !== CLIENT_HELLO) return malformed('the first message is not a ClientHello');
    if (bytes.length < MESSAGE_HEADER) return undefined;
    const end = MESSAGE_HEADER + bytes.readUIntBE(1, 3);
    if (end > MAX_HELLO) return malformed(`the ClientHello is longer than ${MAX_HELLO} bytes`);
    if (bytes.length < end) return undefined;
    if (bytes.length > end || this.#recordLeft > 0) {
      return malformed('something follows the ClientHello in its record');
    }
    return readMessage(bytes, MESSAGE_HEADER, end);
  }
}

/** Reads its body, which is `bytes` from `from` to `end`, in place. */
function readMessage(bytes: Buffer, from: number, end: number): ClientHello {
  const reader = new Reader(bytes, from, end);
  reader.skip(2); // legacy_version
  reader.skip(32); // random
  const session = reader.skipVector(1);
  const suites = reader.skipVector(2);
  const compression = reader.skipVector(1);
  if (reader.failed) return malformed('the ClientHello is cut');
  if (session > 32) return malformed('the session id is longer than 32 bytes');
  if (suites === 0 || suites % 2 !== 0) return malformed('the list of cipher suites is broken');
  if (compression === 0) return malformed('the list of compression methods is empty');
  // TLS 1.0 to 1.2 may have no extensions at all.
  if (reader.done) return { state: 'done', name: undefined };
  const extensions = reader.vector(2);
  if (reader.failed || !reader.done) return malformed('the extensions do not end with the ClientHello');
  const seen = new Set<number>();
  let name: string | undefined;
  while (!extensions.done) {
    const type = extensions.uint(2);
    const data = type === SERVER_NAME ? extensions.vector(2) : undefined;
    if (data === undefined) extensions.skipVector(2);
    if (extensions.failed) return malformed('an extension is cut');
    if (seen.has(type)) return malformed('an extension is there twice');
    seen.add(type);
    if (data === undefined) continue;
    const read = readServerName(data);
    if (read === undefined) return malformed('server_name does not have exactly one host name');
    name = read;
  }
  return { state: 'done', name };
}

/** One host_name and nothing else: a second name is how two readers come to see two hosts. */
function readServerName(outer: Reader): string | undefined {
  const list = outer.vector(2);
  if (outer.failed || !outer.done) return undefined;
  const type = list.uint(1);
  const name = list.vector(2);
  if (list.failed || !list.done || type !== HOST_NAME || name.done) return undefined;
  return name.text;
}

function malformed(problem: string): ClientHello {
  return { state: 'malformed', problem };
}

/** Reads fields of `bytes` from `at` to `end`; once one is not there it has failed, and gives nothing more. */
class Reader {
  failed = false;
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at === this.#end;
  }

  /** What is left, as latin1. */
  get text(): string {
    return this.#bytes.toString('latin1', this.#at, this.#end);
  }

  skip(bytes: number): void {
    if (this.#end - this.#at < bytes) {
      this.failed = true;
      this.#at = this.#end;
    } else this.#at += bytes;
  }

  uint(bytes: 1 | 2): number {
    const at = this.#at;
    this.skip(bytes);
    if (this.failed) return -1;
    return bytes === 1 ? (this.#bytes[at] as number) : this.#bytes.readUInt16BE(at);
  }

  /** A length of that many bytes, and then so many bytes. Gives how many. */
  skipVector(lengthBytes: 1 | 2): number {
    const length = this.uint(lengthBytes);
    if (this.failed) return -1;
    this.skip(length);
    return length;
  }

  /** The same, to be read. */
  vector(lengthBytes: 1 | 2): Reader {
    const length = this.skipVector(lengthBytes);
    return this.failed
      ? new Reader(this.#bytes, this.#end, this.#end)
      : new Reader(this.#bytes, this.#at - length, this.#at);
  }
}
