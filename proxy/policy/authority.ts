import { formatIp, isIpv4, parseIp } from './ip.js';

declare const canonical: unique symbol;

/**
 * A host in its one spelling: a lower-case name without trailing dot, a dotted quad, or RFC 5952 IPv6 text without
 * brackets. Only this file makes it; policy, dialling and logs see nothing else.
 */
export type CanonicalHost = string & { readonly [canonical]: true };

export type HostKind = 'name' | 'ipv4' | 'ipv6';

export interface Host {
  readonly host: CanonicalHost;
  readonly kind: HostKind;
}

export interface Authority extends Host {
  /** 1–65535. */
  readonly port: number;
}

/** A value, or one line that says what is wrong. The line never repeats bytes of the input: it is safe for logs. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | Problem;

export interface Problem {
  readonly ok: false;
  readonly problem: string;
}

/** A host with the port that was written behind it, if one was. */
export interface HostPort extends Host {
  readonly port?: number;
}

interface AbsoluteTarget {
  readonly authority: Authority;
  /** `https` or `wss`: whoever asks for it in the clear leaves TLS to the proxy. */
  readonly secure: boolean;
  /** Origin form: begins with a slash, visible ASCII, no fragment. */
  readonly path: string;
}

/** The denial reason of an absolute target that was not understood. */
interface AbsoluteProblem extends Problem {
  readonly reason: 'malformed-target' | 'unsupported-scheme';
}

/** RFC 1035 section 2.3.4: 255 bytes on the wire are 253 characters of text. */
const MAX_NAME = 253;
const MAX_LABEL = 63;
/** A WebSocket begins as a request of the scheme with the same port (RFC 6455 section 3). */
const SCHEMES: ReadonlyMap<string, { readonly port: number; readonly secure: boolean }> = new Map([
  ['http', { port: 80, secure: false }],
  ['ws', { port: 80, secure: false }],
  ['https', { port: 443, secure: true }],
  ['wss', { port: 443, secure: true }],
]);

const OTHER = 0;
const LETTER = 1;
const DIGIT = 2;
const HYPHEN = 3;
const DOT = 4;

/** Class of each ASCII byte in a name. Underscores count as letters: they are legal in the DNS and in use. */
const NAME_BYTES = (() => {
  const classes = new Uint8Array(128).fill(OTHER);
  const put = (bytes: string, value: number) => {
    for (const byte of bytes) classes[byte.charCodeAt(0)] = value;
  };
  put('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', LETTER);
  put('0123456789', DIGIT);
  put('-', HYPHEN);
  put('.', DOT);
  return classes;
})();

const fail = (problem: string): Problem => ({ ok: false, problem });
const succeed = <T>(value: T): Parsed<T> => ({ ok: true, value });

/**
 * Reads a host: a name, a strict dotted quad, or IPv6 without brackets (lists and resolvers write it so).
 * One trailing dot of a name is dropped. A last label that `getaddrinfo` would read as a number is never a name.
 */
export function parseHost(text: string): Parsed<Host> {
  return text.includes(':') ? parseIpv6Host(text) : parseNameOrIpv4(text);
}

/** Reads `host` or `host:port`, IPv6 in brackets: what request targets, headers and lists have in common. */
export function parseHostPort(text: string): Parsed<HostPort> {
  const bracketed = text.startsWith('[');
  const close = bracketed ? text.indexOf(']') : -1;
  if (bracketed && close < 0) return fail('a bracket is not closed');
  const colon = bracketed ? close + 1 : text.indexOf(':');
  const hostEnd = bracketed || colon >= 0 ? colon : text.length;
  const host = bracketed ? parseIpv6Host(text.slice(1, close)) : parseNameOrIpv4(text.slice(0, hostEnd));
  if (!host.ok || hostEnd === text.length) return host;
  if (text.charCodeAt(hostEnd) !== 0x3a) return fail('something else than a port follows the bracket');
  const port = parsePort(text.slice(hostEnd + 1));
  return port.ok ? succeed({ host: host.value.host, kind: host.value.kind, port: port.value }) : port;
}

/** Reads the target of CONNECT: `host:port` (RFC 9110 section 9.3.6), IPv6 in brackets. The port is required. */
export function parseConnectTarget(target: string): Parsed<Authority> {
  if (target !== lastTarget.text)
    lastTarget = { text: target, parsed: withDefaultPort(parseHostPort(target), undefined) };
  return lastTarget.parsed;
}

/** Jobs mostly ask for the same again. */
let lastTarget: { readonly text: string; readonly parsed: Parsed<Authority> } = {
  text: '',
  parsed: fail('there is no target'),
};

/** Reads a `Host` header: `host` or `host:port` (RFC 9110 section 7.2), IPv6 in brackets. */
export function parseHostHeader(value: string, defaultPort: number): Parsed<Authority> {
  return withDefaultPort(parseHostPort(value), defaultPort);
}

/**
 * Reads a request target in absolute form (RFC 9112 section 3.2.2): `http://`, `https://`, `ws://`, `wss://`. The path is passed on byte by
 * byte: nothing is decoded, no dot segment removed, so that the origin sees what the job wrote.
 */
export function parseAbsoluteTarget(
  target: string,
): { readonly ok: true; readonly value: AbsoluteTarget } | AbsoluteProblem {
  const malformed = (problem: string) => ({ ok: false, problem, reason: 'malformed-target' }) as const;
  const named = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(target);
  if (named === null) return malformed('the target does not begin with http://');
  const scheme = SCHEMES.get((named[1] as string).toLowerCase());
  if (scheme === undefined) {
    return { ok: false, problem: 'the scheme is not http or https', reason: 'unsupported-scheme' };
  }
  const start = named[0].length;
  const end = endOfAuthority(target, start);
  const authority = parseHostHeader(target.slice(start, end), scheme.port);
  if (!authority.ok) return malformed(authority.problem);
  for (let i = end; i < target.length; i++) {
    const byte = target.charCodeAt(i);
    if (byte <= 0x20 || byte >= 0x7f) return malformed('the path has a byte that is not visible ASCII');
    if (byte === 0x23) return malformed('the target has a fragment');
  }
  const rest = target.slice(end);
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return { ok: true, value: { authority: authority.value, secure: scheme.secure, path } };
}

/** `host:port`, IPv6 in brackets; just the host where the port is `omitPort`. */
export function formatAuthority({ host, kind, port }: Authority, omitPort?: number): string {
  const text = kind === 'ipv6' ? `[${host}]` : host;
  return port === omitPort ? text : `${text}:${port}`;
}

/** Reads 1–65535 in decimal, without sign or leading zero. */
export function parsePort(text: string): Parsed<number> {
  if (text.length === 0) return fail('the port is empty');
  if (text.length > 5 || text.startsWith('0')) return fail('the port is not a number from 1 to 65535');
  let port = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return fail('the port is not a number from 1 to 65535');
    port = port * 10 + digit;
  }
  return port > 65535 ? fail('the port is not a number from 1 to 65535') : succeed(port);
}

/** The first slash, question mark or number sign ends an authority (RFC 3986 section 3.2). */
function endOfAuthority(target: string, start: number): number {
  for (let i = start; i < target.length; i++) {
    const byte = target.charCodeAt(i);
    if (byte === 0x2f || byte === 0x3f || byte === 0x23) return i;
  }
  return target.length;
}

function withDefaultPort(parsed: Parsed<HostPort>, defaultPort: number | undefined): Parsed<Authority> {
  if (!parsed.ok) return parsed;
  const { host, kind, port = defaultPort } = parsed.value;
  return port === undefined ? fail('the port is missing') : succeed({ host, kind, port });
}

function parseIpv6Host(text: string): Parsed<Host> {
  const ip = parseIp(text);
  if (ip === undefined || isIpv4(ip)) return fail('the host is not an IPv6 address');
  return succeed({ host: formatIp(ip) as CanonicalHost, kind: 'ipv6' });
}

function parseNameOrIpv4(text: string): Parsed<Host> {
  if (text.length === 0) return fail('the host is empty');
  const end = text.endsWith('.') ? text.length - 1 : text.length;
  if (end > MAX_NAME) return fail('the name is longer than 253 bytes');
  let label = 0; // where the label of byte i begins
  let last = 0; // class of the byte before i, OTHER at a label's beginning
  for (let i = 0; i < end; i++) {
    const byte = text.charCodeAt(i);
    const kind = byte < 128 ? NAME_BYTES[byte] : OTHER;
    if (kind === OTHER || kind === undefined) return fail(unexpectedByte(byte));
    if (kind === DOT) {
      const problem = labelProblem(i - label, last);
      if (problem !== undefined) return fail(problem);
      label = i + 1;
      last = OTHER;
      continue;
    }
    if (kind === HYPHEN && i === label) return fail('a label of the name begins with a hyphen');
    last = kind;
  }
  const problem = labelProblem(end - label, last);
  if (problem !== undefined) return fail(problem);
  // ASCII by now: lower-casing cannot turn another letter into one of the grammar's.
  const name = text.slice(0, end).toLowerCase();
  return isNumber(name.slice(label))
    ? parseIpv4Host(text)
    : succeed({ host: name as CanonicalHost, kind: 'name' });
}

function labelProblem(length: number, last: number): string | undefined {
  if (length === 0) return 'a label of the name is empty';
  if (length > MAX_LABEL) return 'a label of the name is longer than 63 bytes';
  if (last === HYPHEN) return 'a label of the name ends with a hyphen';
  return undefined;
}

/** What ends in a number is an address or nothing: `getaddrinfo` reads decimal, octal, hex and short forms as IPv4. */
function isNumber(label: string): boolean {
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(label);
}

function parseIpv4Host(text: string): Parsed<Host> {
  const ip = parseIp(text);
  if (ip === undefined) {
    return fail('the host ends in a number, but is not an IPv4 address of four decimal numbers');
  }
  return succeed({ host: formatIp(ip) as CanonicalHost, kind: 'ipv4' });
}

function unexpectedByte(byte: number): string {
  if (byte === 0x40) return 'the target has user information';
  if (byte === 0x25) return 'the host has a percent sign';
  if (byte > 127) return 'the host has a character that is not ASCII';
  return `the host has the byte 0x${byte.toString(16).padStart(2, '0')}`;
}
