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

const BLANKS = ' \t\r\n';

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
  // ASCII white space only: `trim` and `toLowerCase` know Unicode, and make ASCII of what is not.
  let end = text.length;
  while (end > 0 && BLANKS.includes(text[end - 1] as string)) end--;
  const entry = text.slice(0, end).replace(/^[ \t\r\n]+/, '');
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
