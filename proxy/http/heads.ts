import { DENY_HEADER } from '../refuse/answer.js';
import { Refusal } from '../refuse/refusal.js';

/** Header lines in order, `name, value, name, value, …`, as Node's `rawHeaders`. */
type HeaderLines = string[];

/** What a request head says about how to pass it on. */
export interface RequestHead {
  /** Lines that the origin gets, without those that the proxy sets itself. */
  readonly lines: HeaderLines;
  readonly framing: Framing;
  readonly expectsContinue: boolean;
  /** Values of `Host`. */
  readonly hosts: readonly string[];
  /** What `Upgrade` asks for, in lower case. */
  readonly upgrades: readonly string[];
  /** Whether the connection is to become a WebSocket. */
  readonly webSocket: boolean;
  readonly maxForwards: string | undefined;
}

/** How a body is delimited: not at all, by its length, or by chunks. */
type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: string }
  | { readonly kind: 'chunked' };

/** Headers that are about one connection (RFC 9110 section 7.6.1), whoever sends them. `proxy-…` as well. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
/** Set by the proxy, from what it understood. */
const REBUILT: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'max-forwards']);

/**
 * Node's parser takes HTTP/0.9 and 2.0 as well, and a line feed in the request line for the end of an HTTP/0.9 one.
 * Throws a `Refusal` for what is not 1.0 or 1.1.
 */
export function checkVersion(version: string): void {
  if (version !== '1.1' && version !== '1.0') {
    throw new Refusal('malformed-request', { detail: 'the version is not HTTP/1.1 or 1.0' });
  }
}

/**
 * Reads a request's lines and leaves out what is not for the origin: hop-by-hop headers, those named in `Connection`,
 * `Proxy-*`, and the job header. Throws a `Refusal` for a transfer coding other than `chunked`.
 */
export function readRequestHead(raw: readonly string[], jobHeader: string): RequestHead {
  const named = connectionTokens(raw);
  const jobName = looseName(jobHeader);
  const lines: HeaderLines = [];
  const hosts: string[] = [];
  const upgrades: string[] = [];
  const codings: string[] = [];
  let length: string | undefined;
  let expectsContinue = false;
  let maxForwards: string | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const lower = name.toLowerCase();
    if (lower === 'host') hosts.push(value);
    else if (lower === 'content-length') length = value;
    else if (lower === 'transfer-encoding') codings.push(value.trim().toLowerCase());
    else if (lower === 'expect') expectsContinue = isContinue(value);
    else if (lower === 'upgrade') upgrades.push(...tokens(value));
    else if (lower === 'max-forwards') maxForwards = value.trim();
    else if (lower.length === jobName.length && looseName(lower) === jobName) continue;
    else if (!isHopByHop(lower) && !named.has(lower)) lines.push(name, value);
  }
  // Another header is no WebSocket's, and an upgrade that `Connection` does not name is none (RFC 9110 section 7.8).
  const webSocket = upgrades.length === 1 && upgrades[0] === 'websocket' && named.has('upgrade');
  return {
    lines,
    framing: framing(codings, length),
    expectsContinue,
    hosts,
    upgrades,
    webSocket,
    maxForwards,
  };
}

/** The lines of an origin's answer that the job gets. The deny header is the proxy's alone. */
export function responseLines(raw: readonly string[]): HeaderLines {
  const named = connectionTokens(raw);
  const deny = DENY_HEADER.toLowerCase();
  const lines: HeaderLines = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    if (lower === deny || isHopByHop(lower) || (named.has(lower) && lower !== 'content-length')) continue;
    lines.push(name, raw[i + 1] as string);
  }
  return lines;
}

/** Trailers that may be passed on: none that says how to read the message (RFC 9110 section 6.5.1). */
export function trailerLines(raw: readonly string[]): [string, string][] {
  const lines = responseLines(raw);
  const pairs: [string, string][] = [];
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] as string;
    if (!REBUILT.has(name.toLowerCase())) pairs.push([name, lines[i + 1] as string]);
  }
  return pairs;
}

/** Whether an answer is coded in a way that ends at this hop and that is not undone here. */
export function hasUnknownCoding(raw: readonly string[]): boolean {
  return raw.some(
    (name, i) =>
      i % 2 === 0 &&
      name.toLowerCase() === 'transfer-encoding' &&
      (raw[i + 1] as string).trim().toLowerCase() !== 'chunked',
  );
}

function framing(codings: readonly string[], length: string | undefined): Framing {
  if (codings.length === 0) return length === undefined ? { kind: 'none' } : { kind: 'length', length };
  if (codings.length > 1 || codings[0] !== 'chunked') {
    throw new Refusal('malformed-request', { detail: 'Transfer-Encoding is not just chunked' });
  }
  if (length !== undefined) {
    throw new Refusal('malformed-request', { detail: 'Transfer-Encoding and Content-Length together' });
  }
  return { kind: 'chunked' };
}

/** The only expectation there is (RFC 9110 section 10.1.1). */
function isContinue(value: string): true {
  if (value.trim().toLowerCase() === '100-continue') return true;
  throw new Refusal('malformed-request', { detail: 'Expect is not 100-continue' });
}

/**
 * A name as the loosest server reads it: CGI and WSGI take `X_Job` for `X-Job`, others `X.Job` and `X!Job` as well.
 * What one of them takes for the job header is one.
 */
function looseName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

function isHopByHop(lower: string): boolean {
  return HOP_BY_HOP.has(lower) || lower.startsWith('proxy-');
}

const NONE: ReadonlySet<string> = new Set();

/** Names in `Connection`, in lower case. */
function connectionTokens(raw: readonly string[]): ReadonlySet<string> {
  let named: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() !== 'connection') continue;
    named ??= new Set();
    for (const token of tokens(raw[i + 1] as string)) named.add(token);
  }
  return named ?? NONE;
}

function tokens(list: string): string[] {
  return list
    .split(',')
    .map((token) => token.trim().toLowerCase())
    .filter((token) => token !== '');
}
