import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../../src/service/api-error.js';
import { Auth, type Caller, readToken } from '../../../src/service/auth.js';
import { parseListen } from '../../../src/service/listen.js';
import type { Access } from '../../../src/service/route.js';

const TOKEN = 'a-token-of-some-length';
const caller = (headers: Caller['headers'] = {}, more: Partial<Caller> = {}): Caller => ({
  method: 'GET',
  address: '127.0.0.1',
  ...more,
  headers: { host: '127.0.0.1:13129', ...headers },
});

function verdict(auth: Auth, who: Caller, access: Access = 'node'): string {
  try {
    auth.check(who, access);
    return 'yes';
  } catch (error) {
    return (error as ApiError).code;
  }
}

describe('on host:port', () => {
  const auth = new Auth({ unix: false, token: TOKEN });
  const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

  it('the token opens, as bearer or as the password of Basic', () => {
    expect(verdict(auth, caller({ authorization: `Bearer ${TOKEN}` }))).toBe('yes');
    expect(verdict(auth, caller({ authorization: `bearer ${TOKEN}` }))).toBe('yes');
    expect(verdict(auth, caller(basic(`:${TOKEN}`)))).toBe('yes');
    expect(verdict(auth, caller(basic(`node:${TOKEN}`)))).toBe('yes');
  });

  it.each([
    [{}],
    [{ authorization: 'Bearer ' }],
    [{ authorization: `Bearer ${TOKEN}x` }],
    [{ authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    [{ authorization: TOKEN }],
    [{ authorization: `Digest ${TOKEN}` }],
    [basic('a:b')],
    [{ cookie: `jobgate_session=${TOKEN}` }],
  ])('%j does not', (headers) => {
    expect(verdict(auth, caller(headers))).toBe('unauthorized');
  });

  it('a wrong token is wrong everywhere', () => {
    const wrong = caller({ authorization: 'Bearer wrong' });
    expect(verdict(auth, wrong, 'open')).toBe('unauthorized');
    expect(verdict(auth, wrong, 'probe')).toBe('unauthorized');
  });

  it('admission is asked without a token from this machine only', () => {
    expect(verdict(auth, caller(), 'probe')).toBe('yes');
    expect(verdict(auth, caller({}, { address: '::1' }), 'probe')).toBe('yes');
    expect(verdict(auth, caller({}, { address: '192.0.2.7' }), 'probe')).toBe('unauthorized');
  });

  it('without a token nothing but admission and health is answered', () => {
    const none = new Auth({ unix: false });
    expect(verdict(none, caller(), 'probe')).toBe('yes');
    expect(verdict(none, caller(), 'open')).toBe('yes');
    expect(verdict(none, caller())).toBe('unauthorized');
    expect(verdict(none, caller({ authorization: 'Bearer ' }))).toBe('unauthorized');
    expect(verdict(none, caller({ authorization: 'Bearer undefined' }))).toBe('unauthorized');
  });

  it('the token is exchanged for a cookie that scripts cannot read', () => {
    expect(() => auth.openSession('wrong')).toThrow(ApiError);
    const cookie = auth.openSession(TOKEN);
    expect(cookie).toMatch(/^jobgate_session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    expect(cookie).not.toContain(TOKEN);
    const session = { cookie: cookie.split(';')[0] as string };
    expect(verdict(auth, caller(session))).toBe('yes');
    // A change must say where it comes from.
    const origin = 'http://127.0.0.1:13129';
    expect(verdict(auth, caller(session, { method: 'POST' }))).toBe('unauthorized');
    expect(verdict(auth, caller({ ...session, origin }, { method: 'POST' }))).toBe('yes');
  });
});

it('a session ends after half a day', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(1_000);
  try {
    const auth = new Auth({ unix: false, token: TOKEN });
    const session = { cookie: auth.openSession(TOKEN).split(';')[0] as string };
    now.mockReturnValue(1_000 + 12 * 3_600_000 - 1);
    expect(verdict(auth, caller(session))).toBe('yes');
    now.mockReturnValue(1_000 + 12 * 3_600_000);
    expect(verdict(auth, caller(session))).toBe('unauthorized');
  } finally {
    now.mockRestore();
  }
});

describe('pages elsewhere', () => {
  const auth = new Auth({ unix: true });

  it.each(['localhost', 'localhost:8080', '127.0.0.1', '[::1]:80', 'jobgate', '192.0.2.7:13129', ''])(
    'Host %j is ours',
    (host) => {
      expect(verdict(auth, caller({ host }))).toBe('yes');
    },
  );

  it.each([
    'evil.example',
    'evil.example:13129',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'a b',
    '127.0.0.1:80:90',
  ])('Host %j is not: a name may be bound to this address', (host) => {
    expect(verdict(auth, caller({ host }))).toBe('not-allowed');
  });

  it('another origin or site is refused, our own is not', () => {
    expect(verdict(auth, caller({ host: 'localhost:80', origin: 'http://localhost:80' }))).toBe(
      'not-allowed',
    ); // :80 is never written
    expect(verdict(auth, caller({ host: 'localhost:8080', origin: 'http://localhost:8080' }))).toBe('yes');
    expect(verdict(auth, caller({ origin: 'http://evil.example' }))).toBe('not-allowed');
    expect(verdict(auth, caller({ origin: 'null' }))).toBe('not-allowed');
    expect(verdict(auth, caller({ 'sec-fetch-site': 'cross-site' }))).toBe('not-allowed');
    expect(verdict(auth, caller({ 'sec-fetch-site': 'same-origin' }))).toBe('yes');
    expect(verdict(auth, caller({ 'sec-fetch-site': 'none' }))).toBe('yes');
  });
});

describe('where to listen', () => {
  const read = (text: string, hasToken = true) => parseListen(text, { hasToken });

  it('is a unix socket or an address with a port', () => {
    expect(read('unix:/run/x.sock')).toEqual({ kind: 'unix', path: '/run/x.sock' });
    expect(read('127.0.0.1:80')).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 80 });
    expect(read('[::]:80')).toEqual({ kind: 'tcp', host: '::', port: 80 });
  });

  it.each([
    '',
    'unix:',
    'unix:x.sock',
    `unix:/${'x'.repeat(120)}`,
    '80',
    'localhost:80',
    '1.2.3.4',
    '1.2.3.4:99999',
    '::1:80',
  ])('%j is neither', (text) => {
    expect(() => read(text)).toThrow(/--listen/);
  });

  it('is loopback where there is no token', () => {
    expect(read('127.0.0.1:80', false)).toMatchObject({ kind: 'tcp' });
    expect(() => read('0.0.0.0:80', false)).toThrow('--token-file');
    expect(() => read('192.0.2.1:80', false)).toThrow('--token-file');
    expect(() => read('[::]:80', false)).toThrow('--token-file');
  });
});

it('a token has a length that cannot be guessed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-token-'));
  try {
    const file = join(folder, 'token');
    writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
    expect(readToken(file)).toBe(TOKEN);
    for (const content of ['', '\n', 'short', `two words ${TOKEN}`]) {
      writeFileSync(file, content);
      expect(() => readToken(file)).toThrow(/--token-file/);
    }
    expect(() => readToken(join(folder, 'none'))).toThrow(/cannot read it/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('a token file is refused where others', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-token-'));
  const file = join(folder, 'token');
  writeFileSync(file, `${TOKEN}\n`);
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([0o640, 0o604, 0o620, 0o602, 0o644])('may read or change it (%i)', (mode) => {
    chmodSync(file, mode);
    expect(() => readToken(file)).toThrow(
      new RegExp(`others .* \\(mode 0${mode.toString(8)}\\): chmod 600 ${file}$`),
    );
    chmodSync(file, 0o600);
    expect(readToken(file)).toBe(TOKEN);
    chmodSync(file, 0o400);
    expect(readToken(file)).toBe(TOKEN);
  });

  it('may by another name', () => {
    const link = join(folder, 'link');
    symlinkSync(file, link);
    chmodSync(file, 0o644);
    expect(() => readToken(link)).toThrow('chmod 600');
    chmodSync(file, 0o600);
    expect(readToken(link)).toBe(TOKEN);
  });

  it.skipIf(process.geteuid?.() !== 0)('own it', () => {
    chownSync(file, 65_534, 0);
    expect(() => readToken(file)).toThrow('it belongs to user 65534, who knows the token: chown 0');
    chownSync(file, 0, 65_534);
    expect(readToken(file)).toBe(TOKEN);
  });
});
