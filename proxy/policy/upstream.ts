import { type Authority, formatAuthority, type Parsed, parseConnectTarget } from './authority.js';

type UpstreamScheme = 'http' | 'socks5' | 'socks5h';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The operator's proxy that all traffic leaves through. */
export interface Upstream {
  readonly scheme: UpstreamScheme;
  readonly authority: Authority;
  readonly credentials?: Credentials;
}

const HELP =
  'write http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT, with USER:PASSWORD@ before HOST if need be';
const FORM = /^([a-z][a-z0-9]*):\/\/(?:([^/?#]*)@)?([^/?#@]+)\/?$/i;
/** RFC 1929 section 2: one byte counts each of them. */
const MAX_CREDENTIAL = 255;

/** The value of `--upstream`. User and password are percent-decoded. Problems never repeat what was written. */
export function parseUpstream(text: string): Parsed<Upstream> {
  const match = FORM.exec(text);
  if (match === null) return fail('the upstream proxy is not understood');
  const scheme = match[1]?.toLowerCase();
  if (scheme !== 'http' && scheme !== 'socks5' && scheme !== 'socks5h') {
    return fail('the scheme of the upstream proxy is not http, socks5 or socks5h');
  }
  const authority = parseConnectTarget(match[3] ?? '');
  if (!authority.ok) return fail(`the upstream proxy is not understood: ${authority.problem}`);
  if (match[2] === undefined) return { ok: true, value: { scheme, authority: authority.value } };
  const credentials = parseCredentials(match[2], decodeURIComponent);
  if (!credentials.ok) return fail(credentials.problem);
  return { ok: true, value: { scheme, authority: authority.value, credentials: credentials.value } };
}

/** For logs and messages: neither user nor password. */
export function redactUpstream({ scheme, authority, credentials }: Upstream): string {
  return `${scheme}://${credentials ? '***@' : ''}${formatAuthority(authority)}`;
}

/** The text that `parseUpstream` reads, credentials included: for a policy, never for logs. */
export function formatUpstream({ scheme, authority, credentials }: Upstream): string {
  const user = credentials
    ? `${encodeURIComponent(credentials.username)}:${encodeURIComponent(credentials.password)}@`
    : '';
  return `${scheme}://${user}${formatAuthority(authority)}`;
}

/** The value of `Proxy-Authorization` (RFC 7617). */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

/** `USER:PASSWORD`, each part as it is unless it is to be decoded. Problems never repeat what was written. */
export function parseCredentials(
  text: string,
  decode: (part: string) => string = (part) => part,
): Parsed<Credentials> {
  const colon = text.indexOf(':');
  if (colon < 1) return { ok: false, problem: 'the credentials of the upstream proxy are not USER:PASSWORD' };
  try {
    const username = decode(text.slice(0, colon));
    const password = decode(text.slice(colon + 1));
    const unusable = [username, password].some(
      (part) => Buffer.byteLength(part) > MAX_CREDENTIAL || CONTROL.test(part),
    );
    if (!unusable && !username.includes(':')) return { ok: true, value: { username, password } };
  } catch {
    return { ok: false, problem: 'the credentials of the upstream proxy have a broken percent-encoding' };
  }
  return {
    ok: false,
    problem:
      'the credentials of the upstream proxy have a control character, a colon in the user, or over 255 bytes',
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not get into a header
const CONTROL = /[\x00-\x1f\x7f]/;

function fail(problem: string): Parsed<never> {
  return { ok: false, problem: `${problem}: ${HELP}` };
}
