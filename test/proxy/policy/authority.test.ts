import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  type Authority,
  formatAuthority,
  parseAbsoluteTarget,
  parseConnectTarget,
  parseHost,
  parseHostHeader,
} from '../../../proxy/policy/authority.js';
import { connect, value } from './spellings.js';

const L63 = 'a'.repeat(63);
const NAME_253 = `${L63}.${L63}.${L63}.${'a'.repeat(61)}`;

describe('threats: spellings of one name', () => {
  it.each([
    ['lower case', 'example.com:443', 'example.com:443'],
    ['case', 'ExAmPlE.COM:443', 'example.com:443'],
    ['one trailing dot', 'example.com.:443', 'example.com:443'],
    ['case and one trailing dot', 'EXAMPLE.com.:443', 'example.com:443'],
    ['underscores are legal', '_a._b_.example_.com:443', '_a._b_.example_.com:443'],
    ['hyphens inside a label', 'a-b--c.example.com:443', 'a-b--c.example.com:443'],
    ['an A-label', 'XN--Bcher-kva.example:443', 'xn--bcher-kva.example:443'],
    ['digits in front', '1.2.3.4.example.com:443', '1.2.3.4.example.com:443'],
    ['one label', 'localhost:443', 'localhost:443'],
    ['a label of 63', `${L63}.com:443`, `${L63}.com:443`],
    ['a name of 253', `${NAME_253}:443`, `${NAME_253}:443`],
    ['a name of 253 and the trailing dot', `${NAME_253}.:443`, `${NAME_253}:443`],
  ])('accepted, canonically: %s', (_, target, canonical) => {
    expect(connect(target)).toBe(canonical);
  });

  it.each([
    ['two trailing dots', 'example.com..:443'],
    ['an empty label', 'example..com:443'],
    ['a leading dot', '.example.com:443'],
    ['a dot alone', '.:443'],
    ['nothing', ':443'],
    ['an empty target', ''],
    ['a label of 64', `${L63}a.com:443`],
    ['a name of 254', `a${NAME_253.slice(0, 190)}.${L63}:443`],
    ['a name of 64 KiB', `${'a.'.repeat(32_000)}com:443`],
    ['a leading hyphen', '-example.com:443'],
    ['a leading hyphen in the middle', 'a.-example.com:443'],
    ['a trailing hyphen', 'example-.com:443'],
    ['a trailing hyphen at the end', 'example.com-:443'],
    ['a hyphen alone', 'a.-.com:443'],
  ])('refused: %s', (_, target) => {
    expect(connect(target)).toBe('refused');
  });
});

it.each([
  ['a@b.test:443', 'user information'],
  ['a%b.test:443', 'percent'],
  ['\u00e9.test:443', 'not ASCII'],
  ['a b.test:443', 'byte 0x20'],
  ['a\x7fb.test:443', 'byte 0x7f'],
])('says what is wrong with %j', (target, problem) => {
  expect(parseConnectTarget(target)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
});

describe('threats: bytes that no name has', () => {
  it.each([
    ['NUL', '\0'],
    ['CR', '\r'],
    ['LF', '\n'],
    ['CR LF', '\r\n'],
    ['tab', '\t'],
    ['space', ' '],
    ['DEL', '\x7f'],
    ['percent', '%'],
    ['an encoded dot', '%2e'],
    ['an encoded NUL', '%00'],
    ['slash', '/'],
    ['backslash', '\\'],
    ['number sign', '#'],
    ['question mark', '?'],
    ['asterisk', '*'],
    ['user information', 'user@'],
    ['user and password', 'user:pass@'],
    ['fullwidth letter', '\uff45'],
    ['fullwidth dot', '\uff0e'],
    ['ideographic dot', '\u3002'],
    ['soft hyphen', '\u00ad'],
    ['zero-width space', '\u200b'],
    ['Kelvin sign, which lower-cases to k', '\u212a'],
    ['long s, which upper-cases to S', '\u017f'],
    ['a Latin-1 letter', '\u00e9'],
    ['a lone surrogate', '\ud800'],
  ])('refused wherever it stands: %s', (_, bytes) => {
    const good = 'www.example.com:443';
    expect(connect(good)).toBe(good);
    for (let at = 0; at <= good.length; at++) {
      const target = good.slice(0, at) + bytes + good.slice(at);
      expect(connect(target), JSON.stringify(target)).toBe('refused');
      expect(parseHost(target.replace(':443', '')).ok).toBe(false);
    }
  });

  it('accepts letters, digits, hyphen, dot and underscore as the only bytes of a name', () => {
    for (let byte = 0; byte < 0x250; byte++) {
      const character = String.fromCharCode(byte);
      expect(parseHost(`a${character}b.example`).ok, `byte ${byte}`).toBe(/^[A-Za-z0-9._-]$/.test(character));
    }
  });
});

describe('threats: ports', () => {
  it.each([
    ['1', 1],
    ['80', 80],
    ['443', 443],
    ['65535', 65535],
  ])('accepted: %s', (text, port) => {
    expect(value(parseConnectTarget(`example.com:${text}`)).port).toBe(port);
    expect(value(parseConnectTarget(`[::1]:${text}`)).port).toBe(port);
  });

  it.each([
    ['none', ''],
    ['empty', ':'],
    ['zero', ':0'],
    ['leading zero', ':0443'],
    ['sign', ':+443'],
    ['negative', ':-443'],
    ['65536', ':65536'],
    ['mod 2^32', `:${2 ** 32 + 443}`],
    ['mod 2^16', `:${2 ** 16 + 443}`],
    ['huge', `:${'9'.repeat(400)}`],
    ['hex', ':0x1bb'],
    ['exponent', ':4e2'],
    ['two', ':443:443'],
    ['space in front', ': 443'],
    ['space behind', ':443 '],
    ['line feed behind', ':443\n'],
    ['Arabic digits', ':\u0664\u0664\u0663'],
    ['a path', ':443/x'],
    ['a service name', ':https'],
  ])('refused: %s', (_, suffix) => {
    for (const host of ['example.com', '192.0.2.1', '[2001:db8::1]']) {
      expect(connect(`${host}:443`)).toBe(`${host}:443`);
      expect(connect(`${host}${suffix}`), host).toBe('refused');
    }
  });
});

describe('threats: IPv4 in disguise', () => {
  it('accepts a dotted quad, as an address', () => {
    expect(value(parseConnectTarget('127.0.0.1:443'))).toEqual({
      host: '127.0.0.1',
      kind: 'ipv4',
      port: 443,
    });
    expect(value(parseHost('255.255.255.255')).kind).toBe('ipv4');
  });

  it.each([
    ['decimal', '2130706433'],
    ['octal', '017700000001'],
    ['octal with dots', '0177.0.0.1'],
    ['hex', '0x7f000001'],
    ['hex, upper case', '0X7F000001'],
    ['hex with dots', '0x7f.0.0.1'],
    ['hex at the end', '127.0.0.0x1'],
    ['hex without digits', '127.0.0.0x'],
    ['short, two parts', '127.1'],
    ['short, three parts', '127.0.1'],
    ['one zero', '0'],
    ['five parts', '127.0.0.0.1'],
    ['leading zeros', '127.000.000.001'],
    ['a part over 255', '127.0.0.256'],
    ['a trailing dot', '127.0.0.1.'],
    ['a trailing dot, short', '127.1.'],
    ['a name that ends in a number', 'example.com.1'],
    ['a name that ends in hex', 'example.com.0xa9fea9fe'],
    ['metadata in hex', '0xa9fea9fe'],
  ])('refused, never a name: %s', (_, host) => {
    expect(connect(`${host}:443`)).toBe('refused');
    expect(parseHost(host).ok).toBe(false);
  });

  it('refuses what getaddrinfo takes for an address without asking a name server', async () => {
    // The positive control is the danger itself: the C library reads these as 127.0.0.1.
    for (const host of ['127.1', '0x7f.1', '2130706433', '017700000001', '0177.0.0.1']) {
      expect((await lookup(host)).address).toBe('127.0.0.1');
      expect(parseHost(host).ok, host).toBe(false);
    }
  });

  it('accepts names whose last label only looks like a number', () => {
    for (const name of ['a.0xg', 'a.1e5', 'a.12a', 'a.0b1', 'a._1']) {
      expect(value(parseHost(name))).toEqual({ host: name, kind: 'name' });
    }
  });
});

describe('threats: IPv6, brackets and zone ids', () => {
  it.each([
    ['loopback', '[::1]:443', '[::1]:443'],
    ['unspecified', '[::]:443', '[::]:443'],
    ['upper case', '[2001:DB8::A]:443', '[2001:db8::a]:443'],
    ['leading zeros', '[2001:0db8:0000:0000:0000:0000:0000:0001]:443', '[2001:db8::1]:443'],
    ['the longest run of zeros', '[1:0:0:2:0:0:0:3]:443', '[1:0:0:2::3]:443'],
    ['the first of equal runs', '[1:0:0:2:3:0:0:4]:443', '[1::2:3:0:0:4]:443'],
    ['no run of one', '[1:0:2:3:4:5:6:7]:443', '[1:0:2:3:4:5:6:7]:443'],
    ['mapped', '[::FFFF:7F00:1]:443', '[::ffff:127.0.0.1]:443'],
    ['mapped, dotted', '[::ffff:127.0.0.1]:443', '[::ffff:127.0.0.1]:443'],
    ['compatible is not mapped', '[::127.0.0.1]:443', '[::7f00:1]:443'],
  ])('accepted, as RFC 5952 prints it: %s', (_, target, canonical) => {
    expect(connect(target)).toBe(canonical);
    expect(value(parseConnectTarget(target)).kind).toBe('ipv6');
  });

  it.each([
    ['no brackets', '::1:443'],
    ['empty brackets', '[]:443'],
    ['a name in brackets', '[example.com]:443'],
    ['IPv4 in brackets', '[127.0.0.1]:443'],
    ['a zone id', '[fe80::1%eth0]:443'],
    ['an encoded zone id', '[fe80::1%25eth0]:443'],
    ['a zone id that is an allowed name', '[::ffff:127.0.0.1%x.example.com]:443'],
    ['no closing bracket', '[::1:443'],
    ['two opening brackets', '[[::1]]:443'],
    ['something before the bracket', 'x[::1]:443'],
    ['something behind the bracket', '[::1]x:443'],
    ['a name behind the bracket', '[::1].example.com:443'],
    ['no port', '[::1]'],
    ['two compressions', '[1::2::3]:443'],
    ['nine groups', '[1:2:3:4:5:6:7:8:9]:443'],
    ['seven groups', '[1:2:3:4:5:6:7]:443'],
    ['five digits', '[00001::]:443'],
    ['a dotted tail with leading zeros', '[::ffff:127.0.0.01]:443'],
    ['a future version', '[v1.x]:443'],
    ['a space', '[::1 ]:443'],
    ['a NUL', '[::1\0]:443'],
  ])('refused: %s', (_, target) => {
    expect(connect('[::1]:443')).toBe('[::1]:443');
    expect(connect(target)).toBe('refused');
  });

  it('refuses the zone id that net.isIP accepts', () => {
    expect(isIP('::ffff:127.0.0.1%x.example.com')).toBe(6);
    expect(parseHost('::ffff:127.0.0.1%x.example.com').ok).toBe(false);
  });

  it('reads IPv6 without brackets in lists only', () => {
    expect(value(parseHost('2001:DB8::1'))).toEqual({ host: '2001:db8::1', kind: 'ipv6' });
    expect(parseHost('[2001:db8::1]').ok).toBe(false);
  });
});

describe('Host headers', () => {
  it.each([
    ['Example.com', 80, 'example.com:80'],
    ['example.com.:8080', 80, 'example.com:8080'],
    ['[2001:DB8::1]', 443, '[2001:db8::1]:443'],
    ['192.0.2.1', 80, '192.0.2.1:80'],
  ])('%s with default port %i is %s', (header, port, canonical) => {
    expect(formatAuthority(value(parseHostHeader(header, port)))).toBe(canonical);
  });

  it.each([
    '',
    ':80',
    'example.com:',
    'a, b',
    'example.com,example.com',
    'example.com/',
    'http://example.com',
  ])('refuses %j', (header) => {
    expect(parseHostHeader(header, 80).ok).toBe(false);
  });

  it('prints without the port that is the default', () => {
    const authority: Authority = value(parseHostHeader('[::1]:80', 443));
    expect(formatAuthority(authority, 80)).toBe('[::1]');
    expect(formatAuthority(authority, 443)).toBe('[::1]:80');
  });
});

describe('absolute targets', () => {
  it.each([
    ['http://example.com/', 'example.com:80', '/'],
    ['HTTP://Example.com./A/../b', 'example.com:80', '/A/../b'],
    ['http://example.com', 'example.com:80', '/'],
    ['http://example.com?q=1', 'example.com:80', '/?q=1'],
    ['http://example.com:8080//x?a=b@c:d', 'example.com:8080', '//x?a=b@c:d'],
    ['http://[2001:db8::1]:8080/%00%0d%0a', '[2001:db8::1]:8080', '/%00%0d%0a'],
    ['http://192.0.2.1/http://other.example/', '192.0.2.1:80', '/http://other.example/'],
    ['http://example.com/\\x', 'example.com:80', '/\\x'],
    ['ws://example.com/chat', 'example.com:80', '/chat'],
    ['https://example.com/', 'example.com:443', '/'],
    ['HTTPS://example.com:8443', 'example.com:8443', '/'],
    ['wss://example.com', 'example.com:443', '/'],
  ])('%s', (target, authority, path) => {
    const parsed = parseAbsoluteTarget(target);
    if (!parsed.ok) throw new Error(parsed.problem);
    expect(formatAuthority(parsed.value.authority)).toBe(authority);
    expect(parsed.value.path).toBe(path);
    expect(parsed.value.secure).toBe(/^(?:https|wss):/i.test(target));
  });

  it.each(['ftp://example.com/', 'wsx://example.com/', 'HTTPSS://example.com', 'file:///etc'])(
    'threats: another scheme is told apart: %s',
    (target) => {
      expect(parseAbsoluteTarget(target)).toMatchObject({ ok: false, reason: 'unsupported-scheme' });
    },
  );

  it.each([
    '',
    '/',
    '*',
    'example.com:443',
    'http:/example.com/',
    'http:example.com',
    '://example.com/',
    ' http://example.com/',
    'http:///path',
    'http://?q',
    'http://:80/',
    'http://example.com:/',
    'http://example.com:0/',
    'http://example.com:080/',
    'http://example.com#fragment',
    'http://example.com/#fragment',
    'http://example.com/?q#fragment',
    'http://user@example.com/',
    'http://user:pass@example.com/',
    'http://allowed.example\\@other.example/',
    'http://allowed.example\\.other.example/',
    'http://example.com%2f.allowed.example/',
    'http://[::1/',
    'http://[example.com]/',
    'http://[fe80::1%25eth0]/',
    'http://2130706433/',
    'http://example.com/a b',
    'http://example.com/a\tb',
    'http://example.com/a\r\nHost: other.example',
    'http://example.com/\0',
    'http://example.com/\x7f',
    'http://example.com/\u00e9',
    'http://\uff45xample.com/',
  ])('threats: a malformed target is refused: %j', (target) => {
    expect(parseAbsoluteTarget(target)).toMatchObject({ ok: false, reason: 'malformed-target' });
  });
});
