import type { ClientStream } from '../accept/client-connection.js';
import { BrokenAnswer } from './broken-answer.js';

/** Up to so many bytes go out as one piece, and so do more pieces than that: copying them costs less than a list. */
const SMALL = 32_768;
const MANY = 16;
/** What Node's writer refuses in a reason phrase. */
const NO_PHRASE = /[^\t\x20-\x7e\x80-\xff]/;

/** What a job gets for a simple request, in the bytes that Node's own writer would make of it. */
export class ClientAnswer {
  readonly #stream: ClientStream;
  readonly #closes: boolean;
  #parts: (string | Buffer)[] = [];
  #length = 0;
  #chunked = false;

  /** @param closes whether it is the last one on its connection */
  constructor(stream: ClientStream, closes: boolean) {
    this.#stream = stream;
    this.#closes = closes;
  }

  processing(): void {
    this.#add('HTTP/1.1 102 Processing\r\n\r\n');
  }

  /** Hints without a link are none. */
  hints(lines: readonly string[]): void {
    const links: string[] = [];
    let others = '';
    for (let i = 0; i < lines.length; i += 2) {
      const name = (lines[i] as string).toLowerCase();
      if (name === 'link') links.push(lines[i + 1] as string);
      else others += `${name}: ${lines[i + 1]}\r\n`;
    }
    if (links.length > 0) this.#add(`HTTP/1.1 103 Early Hints\r\nLink: ${links.join(', ')}\r\n${others}\r\n`);
  }

  /**
   * `lines`: name, value, …; `framing`: how the origin delimits the body. What only its end delimits is sent in chunks.
   *
   * @throws BrokenAnswer
   */
  head(
    status: number,
    phrase: string,
    lines: readonly string[],
    framing: 'none' | 'length' | 'chunked' | 'end',
  ): void {
    if (NO_PHRASE.test(phrase)) throw new BrokenAnswer('the reason phrase has a byte that none has');
    this.#chunked = framing === 'chunked' || framing === 'end';
    this.#add(this.#headText(`HTTP/1.1 ${status} ${phrase}\r\n`, lines));
  }

  /** A denial, after which the connection goes on unless the client wants it closed. */
  denial(statusLine: string, headers: Readonly<Record<string, string>>, body: string): void {
    this.#add(this.#headText(statusLine, Object.entries(headers).flat()));
    this.#add(Buffer.from(body));
  }

  body(part: Buffer): void {
    if (this.#chunked) this.#add(`${part.length.toString(16)}\r\n`);
    this.#add(part);
    if (this.#chunked) this.#add('\r\n');
  }

  /** Behind the body, where there can be any. */
  trailers(lines: readonly (readonly [string, string])[]): void {
    if (!this.#chunked) return;
    this.#add(`0\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  }

  /**
   * Sends what there is. `sent`: once the last of it is out, not where the connection breaks before.
   *
   * @returns false where the client does not take more for now.
   */
  flush(sent?: () => void): boolean {
    const stream = this.#stream;
    const parts = this.#parts;
    const told = sent && ((error?: Error | null) => (error ? undefined : sent()));
    this.#parts = [];
    if (this.#length <= SMALL || parts.length > MANY) {
      if (parts.length > 0) stream.write(joined(parts, this.#length), told);
    } else {
      stream.cork();
      parts.forEach((part, i) => {
        const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
        stream.write(bytes, i === parts.length - 1 ? told : undefined);
      });
      stream.uncork();
    }
    this.#length = 0;
    return !stream.writableNeedDrain;
  }

  #headText(statusLine: string, lines: readonly string[]): string {
    let text = statusLine;
    let dated = false;
    for (let i = 0; i < lines.length; i += 2) {
      const name = lines[i] as string;
      if (name.length === 4 && name.toLowerCase() === 'date') dated = true;
      text += `${name}: ${lines[i + 1]}\r\n`;
    }
    if (!dated) text += `Date: ${httpDate()}\r\n`;
    text += this.#closes ? 'Connection: close\r\n' : 'Connection: keep-alive\r\n';
    return this.#chunked ? `${text}Transfer-Encoding: chunked\r\n\r\n` : `${text}\r\n`;
  }

  #add(part: string | Buffer): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

function joined(parts: readonly (string | Buffer)[], length: number): Buffer {
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'object') return only;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'string') at += bytes.write(part, at, 'latin1');
    else at += part.copy(bytes, at);
  }
  return bytes;
}

let second = 0;
let dateText = '';

/** The time as HTTP writes it (RFC 9110 section 5.6.7). Many answers have the same one. */
function httpDate(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    dateText = new Date(now * 1000).toUTCString();
  }
  return dateText;
}
