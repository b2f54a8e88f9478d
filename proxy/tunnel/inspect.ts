import { METHODS } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Authority, parseHost } from '../policy/authority.js';
import type { DenialReason } from '../policy/denials.js';
import { ByteBag } from '../util/byte-bag.js';
import { type Deadline, deadline } from '../util/deadlines.js';
import { ClientHelloReader } from './client-hello.js';

/** What the client's first bytes in a tunnel turned out to be. */
export type Inspection =
  /** `bytes` are the ClientHello, `name` its host name; what was read behind it is in the stream again. */
  | { readonly kind: 'tls'; readonly bytes: Buffer; readonly name: string | undefined }
  /** `bytes` are all that was read. */
  | { readonly kind: 'http'; readonly bytes: Buffer }
  /** `detail`: what exactly is wrong, for logs. */
  | {
      readonly kind: 'denied';
      readonly reason: DenialReason;
      readonly detail?: string | undefined;
      /** Whether it began as TLS does. */
      readonly tls: boolean;
    }
  /** The client ended before there was anything to judge. */
  | { readonly kind: 'gone' };

interface InspectOptions {
  /** What a ClientHello must name; absent: any one host. */
  readonly authority?: Authority;
  /** Time for the first bytes, ms. */
  readonly timeoutMs: number;
  /** Longest request line, bytes. */
  readonly maxLine: number;
}

const HANDSHAKE = 22;
const METHOD_SET: ReadonlySet<string> = new Set(METHODS);
const MAX_METHOD = Math.max(...METHODS.map((method) => method.length));
const REQUEST_LINE = /^[A-Z-]+ [!-~]+ HTTP\/1\.[01]\r?$/;

/**
 * Reads until it is clear whether it is TLS for the host that is expected, HTTP/1.1, or something else.
 * Nobody listens to the stream then.
 */
export function inspect(
  stream: Duplex,
  options: InspectOptions,
  done: (inspection: Inspection) => void,
): void {
  new Inspector(stream, options, done).start();
}

class Inspector {
  readonly #stream: Duplex;
  readonly #options: InspectOptions;
  readonly #done: (inspection: Inspection) => void;
  readonly #bag = new ByteBag();
  readonly #deadline: Deadline;
  #judge: Judge | undefined;

  constructor(stream: Duplex, options: InspectOptions, done: (inspection: Inspection) => void) {
    this.#stream = stream;
    this.#options = options;
    this.#done = done;
    this.#deadline = deadline(options.timeoutMs, () => this.#deny('hello-timeout'));
  }

  start(): void {
    const stream = this.#stream;
    stream.on('data', this.#onData);
    stream.on('end', this.#onEnd);
    stream.on('close', this.#onEnd);
    stream.resume();
    // A client that left while the host was dialled: nobody says so again.
    if (stream.readableEnded || stream.closed) this.#onEnd();
  }

  readonly #onData = (chunk: Buffer): void => {
    const { authority, maxLine } = this.#options;
    this.#bag.append(chunk);
    this.#judge ??= chunk[0] === HANDSHAKE ? new TlsJudge(authority) : httpJudge(maxLine);
    const judge = this.#judge;
    const verdict = judge.push(chunk);
    const { bytes } = this.#bag;
    if (judge instanceof TlsJudge && verdict === 'tls') {
      const { length, name } = judge;
      this.#settle({ kind: 'tls', bytes: bytes.subarray(0, length), name }, bytes.subarray(length));
    } else if (verdict === 'http') this.#settle({ kind: 'http', bytes });
    else if (verdict !== 'more' && verdict !== 'tls') this.#deny(verdict, judge.detail);
  };

  readonly #onEnd = (): void => {
    const { length } = this.#bag;
    if (this.#stream.destroyed || length === 0) this.#settle({ kind: 'gone' });
    else this.#deny(this.#isTls ? 'tls-malformed' : 'tunnel-not-web');
  };

  get #isTls(): boolean {
    return this.#bag.bytes[0] === HANDSHAKE;
  }

  #deny(reason: DenialReason, detail?: string): void {
    this.#settle({ kind: 'denied', reason, detail, tls: this.#isTls });
  }

  #settle(inspection: Inspection, rest?: Buffer): void {
    const stream = this.#stream;
    this.#deadline.clear();
    stream.off('data', this.#onData);
    stream.off('end', this.#onEnd);
    stream.off('close', this.#onEnd);
    if (rest?.length) stream.unshift(rest);
    this.#done(inspection);
  }
}

interface Judge {
  /** What exactly is wrong, where there is more to say than the verdict. */
  readonly detail?: string | undefined;
  /** Not to be called again once there is a verdict. */
  push(chunk: Buffer): 'more' | 'tls' | 'http' | DenialReason;
}

/** Judges a ClientHello as it arrives: its one name is to be the host of an authority, or any where there is none. */
export class TlsJudge implements Judge {
  detail: string | undefined;
  /** The name, once it is there. */
  name: string | undefined;
  readonly #reader = new ClientHelloReader();
  readonly #authority: Authority | undefined;

  constructor(authority: Authority | undefined) {
    this.#authority = authority;
  }

  /** Bytes of the ClientHello so far; nothing behind it. */
  get length(): number {
    return this.#reader.length;
  }

  push(chunk: Buffer): 'more' | 'tls' | DenialReason {
    const hello = this.#reader.push(chunk);
    if (hello.state === 'more') return 'more';
    if (hello.state === 'malformed') {
      this.detail = hello.problem;
      return 'tls-malformed';
    }
    this.name = hello.name;
    if (this.#authority === undefined) return hello.name === undefined ? 'tls-no-name' : 'tls';
    const verdict = judgeName(hello.name, this.#authority);
    if (verdict === 'tls-other-name') this.detail = `it names ${shown(hello.name ?? '')}`;
    return verdict;
  }
}

/** The whole of it, whatever it holds: a part may be the very name that was allowed. A name of DNS has 253 characters at most. */
function shown(name: string): string {
  return `${name.slice(0, 253).replace(/[^!-~]/g, '?')}${name.length > 253 ? '...' : ''}`;
}

/** RFC 6066 section 3: a name is sent for names, and none for addresses. */
function judgeName(name: string | undefined, { host, kind }: Authority): 'tls' | DenialReason {
  if (kind !== 'name') return name === undefined ? 'tls' : 'tls-other-name';
  if (name === undefined) return 'tls-no-name';
  if (name === host) return 'tls';
  const parsed = parseHost(name);
  return parsed.ok && parsed.value.host === host ? 'tls' : 'tls-other-name';
}

/** A request line; whatever follows is for the HTTP parser to judge. Looks at each byte once. */
function httpJudge(maxLine: number): Judge {
  const line = new ByteBag();
  const push = (chunk: Buffer) => {
    const end = chunk.indexOf(0x0a);
    line.append(end < 0 ? chunk : chunk.subarray(0, end));
    const start = line.bytes.subarray(0, MAX_METHOD + 1).toString('latin1');
    const space = start.indexOf(' ');
    if (space < 0 ? !beginsMethod(start) : !METHOD_SET.has(start.slice(0, space))) return 'tunnel-not-web';
    if (end < 0) return line.length > maxLine ? 'tunnel-not-web' : 'more';
    return REQUEST_LINE.test(line.bytes.toString('latin1')) ? 'http' : 'tunnel-not-web';
  };
  return { push };
}

function beginsMethod(text: string): boolean {
  return METHODS.some((method) => method.startsWith(text));
}
