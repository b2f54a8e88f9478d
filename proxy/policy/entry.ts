import {
  type Host,
  type HostPort,
  type Parsed,
  type Problem,
  parseHost,
  parseHostPort,
} from './authority.js';
import { parseIp } from './ip.js';

/** One entry of an allowlist or a deny list. */
export interface HostEntry extends Host {
  /** The canonical spelling: `example.com`, `.example.com:8443`, `2001:db8::1`, `[2001:db8::1]:8443`. */
  readonly text: string;
  /** True for a dot entry: the name itself and every name below it; `host` has no leading dot then. */
  readonly subdomains: boolean;
  readonly port?: number;
}

/** Longest entry, in UTF-16 units and with the white space around it; the longest that is valid has 261. */
const MAX_ENTRY = 300;

const fail = (problem: string): Problem => ({ ok: false, problem });

/**
 * Reads `HOST[:PORT]`, `.NAME[:PORT]` or an IP address (IPv6 with a port in brackets), white space around it ignored.
 * A problem is one line that repeats the entry in printable ASCII and says what to write instead.
 */
export function parseHostEntry(text: string): Parsed<HostEntry> {
  const parsed = read(text);
  return parsed.ok ? parsed : invalidEntry(text, parsed.problem);
}

export function invalidEntry(text: string, problem: string): Problem {
  return fail(`${quote(text)} is not a valid entry: ${problem}`);
}

/** The canonical spelling of an entry. */
export function entryText({ host, kind, subdomains, port }: Omit<HostEntry, 'text'>): string {
  if (port === undefined) return subdomains ? `.${host}` : host;
  if (kind === 'ipv6') return `[${host}]:${port}`;
  return `${subdomains ? '.' : ''}${host}:${port}`;
}

function read(text: string): Parsed<HostEntry> {
  if (text.length > MAX_ENTRY)
    return fail(`it is longer than ${MAX_ENTRY} characters, write the host name alone`);
  const entry = withoutBlanks(text);
  const mistake = usualMistake(entry);
  if (mistake !== undefined) return fail(mistake);
  const subdomains = entry.startsWith('.');
  const target = readTarget(subdomains ? entry.slice(1) : entry);
  if (!target.ok) return target;
  if (subdomains && target.value.kind !== 'name') {
    return fail(`an address has no names below it, write ${target.value.host}`);
  }
  const value = { ...target.value, subdomains };
  return { ok: true, value: { ...value, text: entryText(value) } };
}

/** Without ASCII white space around it: `trim` knows Unicode, and makes ASCII of what is not. */
function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (isBlank(text.charCodeAt(from))) from++;
  while (from < to && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

function readTarget(text: string): Parsed<HostPort> {
  const bareIpv6 = !text.startsWith('[') && text.indexOf(':') !== text.lastIndexOf(':');
  if (!bareIpv6) return parseHostPort(text);
  return parseIp(text) === undefined
    ? fail('it is neither host:port nor an IPv6 address; write [2001:db8::1]:8443 for IPv6 with a port')
    : parseHost(text);
}

/** Mistakes that people make, each with what to write instead. */
function usualMistake(entry: string): string | undefined {
  if (entry === '') return 'it is empty, write a host name such as example.com';
  if (entry.includes(',')) {
    return 'it has a comma, give each entry by itself (on the command line: repeat --domain)';
  }
  const ascii = inAscii(entry);
  if (ascii !== undefined) return `it has letters that are not ASCII, ${instead(ascii)}`;
  if (/[^\x21-\x7e]/.test(entry)) {
    return 'it has white space, a control byte or a letter that is not ASCII; write names in ASCII (xn--…)';
  }
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/(.*)$/.exec(entry);
  if (scheme) return `it has a scheme, ${instead(hostPart(scheme[1] ?? ''))}`;
  const host = hostPart(entry);
  if (/^[^/]*\/\d{1,3}\]?$/.test(entry) && parseIp(host.replace(/[[\]]/g, ''))) {
    return 'it is a CIDR, list each address that is needed';
  }
  if (/[/?#\\]/.test(entry)) return `it has a path, ${instead(host)}`;
  if (entry.includes('@')) return `it has user information, ${instead(host)}`;
  const wildcard = /^\*(\.[^*]+)$/.exec(entry)?.[1];
  if (wildcard !== undefined)
    return `it has a wildcard, ${instead(wildcard)} for the name and all names below it`;
  if (entry.includes('*')) return 'it has a wildcard, write .example.com for a name and all names below it';
  if (entry.startsWith('..')) return `it begins with two dots, ${instead(entry.replace(/^\.+/, '.'))}`;
  return undefined;
}

/** The xn-- form of a name with other letters, as a browser has it. */
function inAscii(entry: string): string | undefined {
  const [, dot = '', name = '', port = ''] = /^(\.?)([\p{L}\p{M}\p{N}.-]+)(:\d+)?$/u.exec(entry) ?? [];
  if (!/[^\x21-\x7e]/.test(name) || !URL.canParse(`http://${name}`)) return undefined;
  return `${dot}${new URL(`http://${name}`).hostname}${port}`;
}

/** What is left of a URL without user information, path, query and fragment. Only ever a suggestion. */
function hostPart(text: string): string {
  const authority = text.split(/[/?#\\]/, 1)[0] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1);
}

function instead(suggestion: string): string {
  const parsed = read(suggestion);
  return parsed.ok ? `write ${parsed.value.text}` : 'write the host name alone';
}

/** Printable ASCII in quotes, long text cut: an entry cannot forge a line of a log or move a terminal's cursor. */
function quote(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}...` : text;
  return JSON.stringify(cut).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
