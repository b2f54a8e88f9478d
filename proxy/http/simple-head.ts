/** The head of a request without a body, and with nothing that is about more than this request. */
export interface SimpleHead {
  readonly method: 'GET' | 'HEAD';
  readonly target: string;
  /** Header lines in order, `name, value, name, value, …`, as Node's `rawHeaders`. */
  readonly lines: readonly string[];
  /** Whether the client wants the connection closed behind its answer. */
  readonly closes: boolean;
}

/** Longer ones are rare. */
const MAX_LENGTH = 4_096;
/** Each byte has one place in it. */
const HEAD =
  /^(GET|HEAD) (?:http:\/\/[A-Za-z0-9._-]+(?::[0-9]+)?)?(?:\/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)? HTTP\/1\.1\r\n(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t -~]*\r\n)*\r\n$/;
/** What Node's parser has a say about: bodies, upgrades, and whatever else of a connection is more than its end. */
const UNUSUAL =
  /^(?:content-length|transfer-encoding|trailer|upgrade|expect|max-forwards|te|http2-settings):/im;

/**
 * Reads a head that is whole in `chunk`, with nothing behind it, and simple: as nearly all GET and HEAD requests of all
 * clients are. Undefined for all else, right or wrong, and for names that are there twice: that is for Node's parser, whose
 * objects cost several times as much as all that is done here for a request.
 *
 * @param inTunnel whether the target is in origin form, or absolute
 * @param maxBytes longest head
 */
export function readSimpleHead(chunk: Buffer, inTunnel: boolean, maxBytes: number): SimpleHead | undefined {
  const { length } = chunk;
  if (length > MAX_LENGTH || length > maxBytes || (chunk[0] !== 0x47 && chunk[0] !== 0x48)) return undefined;
  const text = chunk.toString('latin1', 0, length);
  const method = HEAD.exec(text)?.[1];
  if (method === undefined || UNUSUAL.test(text)) return undefined;
  const start = method.length + 1;
  const lineEnd = text.indexOf('\r\n');
  const target = text.slice(start, lineEnd - ' HTTP/1.1'.length);
  if (target === '' || (target[0] === '/') !== inTunnel) return undefined;
  const lines: string[] = [];
  const names = new Set<string>();
  let closes = false;
  for (let at = lineEnd + 2; at < length - 2; ) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    const name = text.slice(at, colon);
    const value = withoutSpace(text, colon + 1, end);
    const lower = name.toLowerCase();
    if (names.has(lower)) return undefined;
    names.add(lower);
    if (lower === 'connection' || lower === 'proxy-connection') {
      // A tab is space to newer parsers of Node, and a part of the word to older ones.
      if (text.slice(colon, end).includes('\t')) return undefined;
      const asked = value.toLowerCase();
      if (asked === 'close') closes = true;
      else if (asked !== 'keep-alive') return undefined;
    }
    lines.push(name, value);
    at = end + 2;
  }
  return { method: method as SimpleHead['method'], target, lines, closes };
}

/** `text` from `from` to `to` without spaces and tabs around it (OWS, RFC 9110 section 5.6.3). */
export function withoutSpace(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
