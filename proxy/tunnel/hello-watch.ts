import { createHash } from 'node:crypto';
import type { Authority } from '../policy/authority.js';
import type { DenialReason } from '../policy/denials.js';
import { ByteBag } from '../util/byte-bag.js';
import type { Watch } from './direction.js';
import { TlsJudge } from './inspect.js';

const ALERT = 21;
const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
/** As far as the end of a ServerHello's random: the message's header, a version of two bytes, 32 of the random. */
const UNTIL_RANDOM = MESSAGE_HEADER + 2 + 32;
/** A ServerHello with this random asks for another ClientHello (RFC 8446 section 4.1.3). */
const RETRY = createHash('sha256').update('HelloRetryRequest').digest();
const NOTHING = Buffer.alloc(0);

/**
 * Looks at a tunnel behind its first ClientHello, until the server has answered it with a ServerHello: from then on no
 * server takes another one in the clear. Where it asks for a second (RFC 8446 section 4.1.4), and whether or not it
 * has yet, each that the client sends is judged like the first before any of it goes on: some servers go by the last
 * name that they were told. Nothing else is held up; a record that is none of TLS is the end of it.
 *
 * For nearly every tunnel that is one look at the first bytes of the server.
 */
export class HelloWatch implements Watch {
  over = false;
  readonly #authority: Authority;
  readonly #denied: (reason: DenialReason, detail?: string) => void;
  /** Of the client's present record. */
  #header: Buffer | undefined;
  #headerLength = 0;
  #recordLeft = 0;
  #judge: TlsJudge | undefined;
  /** What was read of a ClientHello that is not whole. */
  #held: ByteBag | undefined;
  #server: ServerHellos | undefined;

  /** @param denied called at most once; nothing of the client's goes on from then on */
  constructor(authority: Authority, denied: (reason: DenialReason, detail?: string) => void) {
    this.#authority = authority;
    this.#denied = denied;
  }

  /** Of what the client sends, what goes on now. */
  up(chunk: Buffer): Buffer {
    const passed: Buffer[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length && !this.over; ) {
      if (this.#judge !== undefined) {
        const rest = chunk.subarray(at);
        const verdict = this.#judge.push(rest);
        if (verdict !== 'more' && verdict !== 'tls') return this.#deny(verdict, this.#judge.detail);
        this.#held ??= new ByteBag();
        this.#held.append(rest);
        if (verdict === 'more') return joined(passed);
        const { length } = this.#judge;
        at += length - (this.#held.length - rest.length);
        passed.push(this.#held.bytes.subarray(0, length));
        from = at;
        this.#judge = undefined;
        this.#held = undefined;
      } else if (this.#recordLeft > 0) {
        const part = Math.min(this.#recordLeft, chunk.length - at);
        this.#recordLeft -= part;
        at += part;
      } else if (this.#headerLength === 0 && chunk[at] === HANDSHAKE) {
        passed.push(chunk.subarray(from, at));
        this.#judge = new TlsJudge(this.#authority);
      } else {
        this.#readHeader(chunk[at++] as number);
      }
    }
    if (from === 0) return chunk;
    passed.push(chunk.subarray(from));
    return joined(passed);
  }

  #readHeader(byte: number): void {
    this.#header ??= Buffer.alloc(RECORD_HEADER);
    this.#header[this.#headerLength++] = byte;
    if (this.#headerLength === 2 && byte !== 3) this.over = true;
    if (this.#headerLength < RECORD_HEADER) return;
    this.#headerLength = 0;
    this.#recordLeft = this.#header.readUInt16BE(3);
  }

  /** The same of what the server sends. */
  down(chunk: Buffer): Buffer {
    if (this.over) return chunk;
    if (this.#server !== undefined || !isServerHello(chunk)) {
      this.#server ??= new ServerHellos();
      if (!this.#server.push(chunk)) return chunk;
    }
    this.over = true;
    // No client begins another message before it has seen the ServerHello.
    if (this.#judge !== undefined) this.#deny('tls-malformed', 'the server went on within it');
    return chunk;
  }

  #deny(reason: DenialReason, detail?: string): Buffer {
    this.over = true;
    this.#denied(reason, detail);
    return NOTHING;
  }
}

/** Whether a chunk begins with a ServerHello that is no retry, whole as far as that can be told: nearly always. */
function isServerHello(chunk: Buffer): boolean {
  const random = RECORD_HEADER + UNTIL_RANDOM - RETRY.length;
  if (chunk.length < random + RETRY.length || chunk[0] !== HANDSHAKE || chunk[1] !== 3) return false;
  if (chunk[RECORD_HEADER] !== SERVER_HELLO || chunk.readUInt16BE(3) < UNTIL_RANDOM) return false;
  return chunk.compare(RETRY, 0, RETRY.length, random, random + RETRY.length) !== 0;
}

/** Reads what a server says, over any number of segments and records, up to the ServerHello that is no retry. */
class ServerHellos {
  readonly #header = Buffer.alloc(RECORD_HEADER);
  #headerLength = 0;
  #recordLeft = 0;
  readonly #message = Buffer.alloc(UNTIL_RANDOM);
  #messageLength = 0;
  /** Bytes of the present message that do not matter. */
  #skip = 0;

  /** True once it is there, or what is there is not TLS. Not to be called again then. */
  push(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; ) {
      if (this.#recordLeft === 0) {
        this.#header[this.#headerLength++] = chunk[at++] as number;
        if (!this.#isTls()) return true;
        if (this.#headerLength === RECORD_HEADER) this.#beginRecord();
        continue;
      }
      const part = chunk.subarray(at, at + this.#recordLeft);
      at += part.length;
      this.#recordLeft -= part.length;
      if (this.#header[0] === HANDSHAKE && this.#readMessages(part)) return true;
    }
    return false;
  }

  /** As far as its header can tell by now. */
  #isTls(): boolean {
    const [type, version] = this.#header;
    if (type !== HANDSHAKE && type !== ALERT && type !== CHANGE_CIPHER_SPEC) return false;
    return this.#headerLength < 2 || version === 3;
  }

  #beginRecord(): void {
    this.#headerLength = 0;
    this.#recordLeft = this.#header.readUInt16BE(3);
  }

  #readMessages(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; ) {
      const skipped = Math.min(this.#skip, bytes.length - at);
      this.#skip -= skipped;
      at += skipped;
      const wanted = this.#messageLength < MESSAGE_HEADER ? MESSAGE_HEADER : UNTIL_RANDOM;
      const copied = bytes.copy(this.#message, this.#messageLength, at, at + wanted - this.#messageLength);
      this.#messageLength += copied;
      at += copied;
      if (this.#messageLength < wanted) return false;
      const isHello = this.#message[0] === SERVER_HELLO;
      if (isHello && wanted < UNTIL_RANDOM) continue;
      if (isHello && !RETRY.equals(this.#message.subarray(UNTIL_RANDOM - RETRY.length))) return true;
      this.#skip = Math.max(0, MESSAGE_HEADER + this.#message.readUIntBE(1, 3) - this.#messageLength);
      this.#messageLength = 0;
    }
    return false;
  }
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}
