import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { quote } from '../../admission/problem.js';
import { UsageError } from '../errors.js';
import { isLoopback } from '../socket-address.js';
import { ApiError } from './api-error.js';
import type { Access } from './route.js';

/** What of a request decides whether it may. */
export interface Caller {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Its address; undefined on a unix socket. */
  readonly address: string | undefined;
}

interface AuthOptions {
  /** A unix socket: its mode says who may. */
  readonly unix: boolean;
  readonly token?: string;
}

const SESSION_COOKIE = 'jobgate_session';
const SESSION_MS = 12 * 3_600_000;
const MAX_SESSIONS = 1_000;
const MIN_TOKEN = 16;

/**
 * Reads the token of a file: its first line. @throws UsageError for one that cannot be used, also because others may
 * read or replace it.
 */
export function readToken(file: string): string {
  let token: string;
  let owned: Pick<Stats, 'uid' | 'mode'>;
  try {
    const opened = openSync(file, 'r');
    try {
      // What is read is what was looked at.
      owned = fstatSync(opened);
      token = readFileSync(opened, 'utf8').split('\n')[0]?.trim() ?? '';
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    throw new UsageError(`--token-file ${file}: cannot read it: ${(error as Error).message}`);
  }
  if (token.length >= MIN_TOKEN && /^[!-~]+$/.test(token)) {
    checkOwned(file, owned);
    return token;
  }
  throw new UsageError(
    `--token-file ${file}: its first line must be a token of at least ${MIN_TOKEN} printable characters: (umask 077; openssl rand -hex 32 >${file})`,
  );
}

/** Only we and root may read or write it. @throws UsageError */
function checkOwned(file: string, { uid, mode }: Pick<Stats, 'uid' | 'mode'>): void {
  const us = process.geteuid?.();
  // Not on a system without such owners.
  if (us === undefined) return;
  if (uid !== us && uid !== 0) {
    throw new UsageError(
      `--token-file ${file}: it belongs to user ${uid}, who knows the token: chown ${us} ${file}`,
    );
  }
  if ((mode & 0o077) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    throw new UsageError(
      `--token-file ${file}: others may read or change it (mode ${shown}): chmod 600 ${file}`,
    );
  }
}

/**
 * Decides who may ask what. On host:port the token is a bearer token, or the password of Basic authentication (which
 * is what a URL with a password becomes), or was exchanged for a session of the page.
 */
export class Auth {
  readonly #options: AuthOptions;
  /** By the hash of the cookie: until when, ms of `performance.now()`. */
  readonly #sessions = new Map<string, number>();

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** @throws ApiError `unauthorized` or `not-allowed`. */
  check(caller: Caller, access: Access): void {
    this.checkBrowser(caller);
    if (this.#options.unix) return;
    const { authorization } = caller.headers;
    if (authorization !== undefined) {
      if (this.#shown(authorization)) return;
      throw new ApiError('unauthorized', 'the token is wrong');
    }
    if (access === 'open' || this.hasSession(caller)) return;
    if (access === 'probe' && caller.address !== undefined && isLoopback(caller.address)) return;
    throw new ApiError(
      'unauthorized',
      this.#options.token === undefined
        ? 'this address answers admission only: start serve with --token-file, or on a unix socket'
        : 'show the token: Authorization: Bearer TOKEN',
    );
  }

  /** Pages elsewhere must not talk to the API, also not by a name of theirs that resolves to here. */
  checkBrowser({ headers }: Caller): void {
    const host = headers.host ?? '';
    if (!isOwnName(host)) {
      throw new ApiError('not-allowed', `Host ${quote(host)} is not this server: use its address`);
    }
    const { origin } = headers;
    if (origin !== undefined && originHost(origin) !== host) {
      throw new ApiError('not-allowed', 'a page of another origin asks: not allowed');
    }
    const site = headers['sec-fetch-site'];
    if (site === 'cross-site' || site === 'same-site') {
      throw new ApiError('not-allowed', 'a page of another site asks: not allowed');
    }
  }

  /** Whether there is a token that could be shown. */
  get hasToken(): boolean {
    return this.#options.token !== undefined;
  }

  /** Whether a page may be shown to the caller without asking for the token. */
  maySee(caller: Caller): boolean {
    return this.#options.unix || this.hasSession(caller);
  }

  hasSession({ method, headers }: Caller): boolean {
    const cookie = headers.cookie?.split(/;\s*/).find((pair) => pair.startsWith(`${SESSION_COOKIE}=`));
    if (!cookie) return false;
    // A browser says where a change comes from.
    if (method !== 'GET' && headers.origin === undefined) return false;
    const until = this.#sessions.get(hash(cookie.slice(SESSION_COOKIE.length + 1)).toString('hex'));
    return until !== undefined && performance.now() < until;
  }

  /** Exchanges the token for a session, and gives the cookie that carries it. @throws ApiError `unauthorized`. */
  openSession(token: string): string {
    if (!this.#isToken(token)) throw new ApiError('unauthorized', 'the token is wrong');
    const now = performance.now();
    for (const [key, until] of this.#sessions) {
      if (until <= now || this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(key);
    }
    const secret = randomBytes(32).toString('hex');
    this.#sessions.set(hash(secret).toString('hex'), now + SESSION_MS);
    return `${SESSION_COOKIE}=${secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_MS / 1000}`;
  }

  #shown(authorization: string): boolean {
    const [scheme = '', value = ''] = authorization.split(/ +/);
    if (/^bearer$/i.test(scheme)) return this.#isToken(value);
    if (!/^basic$/i.test(scheme)) return false;
    const pair = Buffer.from(value, 'base64').toString('utf8');
    return this.#isToken(pair.slice(pair.indexOf(':') + 1));
  }

  // Of equal length and compared in constant time, whatever was shown.
  #isToken(shown: string): boolean {
    const { token } = this.#options;
    return token !== undefined && timingSafeEqual(hash(shown), hash(token));
  }
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** An address, or a name without dots, which nobody on the internet can own: no rebinding. */
function isOwnName(host: string): boolean {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]]*)(?::\d{1,5})?$/i.exec(host);
  if (!match) return false;
  const name = match[1] ?? '';
  return name.startsWith('[') || /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || /^[\w-]*$/.test(name);
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
