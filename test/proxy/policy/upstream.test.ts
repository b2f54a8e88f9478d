import { describe, expect, it } from 'vitest';
import { formatUpstream, parseUpstream, redactUpstream } from '../../../proxy/policy/upstream.js';

describe('--upstream', () => {
  it.each([
    ['http://proxy.test:3128', 'http', 'proxy.test', 3128],
    ['http://proxy.test:3128/', 'http', 'proxy.test', 3128],
    ['HTTP://Proxy.Test.:3128', 'http', 'proxy.test', 3128],
    ['socks5://192.0.2.1:1080', 'socks5', '192.0.2.1', 1080],
    ['socks5h://[2001:DB8::1]:1080', 'socks5h', '2001:db8::1', 1080],
  ])('%s', (text, scheme, host, port) => {
    expect(parseUpstream(text)).toMatchObject({ ok: true, value: { scheme, authority: { host, port } } });
  });

  it.each([
    '',
    'proxy.test:3128',
    'http://proxy.test',
    'https://proxy.test:443',
    'socks4://proxy.test:1080',
    'http://proxy.test:3128/path',
    'http://proxy.test:3128?x',
    'http://user@proxy.test:3128',
    'http://:secret@proxy.test:3128',
    'http://user:sec%ret@proxy.test:3128',
    'http://user:sec%0d%0aret@proxy.test:3128',
    'http://us%3Aer:secret@proxy.test:3128',
    `socks5://user:${'secret'.repeat(50)}@proxy.test:1080`,
    'http://127.1:3128',
  ])('%j is refused in one line that says what to write and no secret', (text) => {
    const parsed = parseUpstream(text);
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringContaining('write http://HOST:PORT') });
    expect(parsed.ok ? '' : parsed.problem).not.toMatch(/sec|[\r\n]/);
  });

  it('prints without credentials, and for a policy with them', () => {
    const parsed = parseUpstream('socks5://us%20er:p%40s:s@[2001:db8::1]:1080');
    if (!parsed.ok) throw new Error(parsed.problem);
    expect(parsed.value.credentials).toEqual({ username: 'us er', password: 'p@s:s' });
    expect(redactUpstream(parsed.value)).toBe('socks5://***@[2001:db8::1]:1080');
    expect(parseUpstream(formatUpstream(parsed.value))).toEqual(parsed);
  });
});
