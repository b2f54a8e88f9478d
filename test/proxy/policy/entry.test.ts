import { describe, expect, it } from 'vitest';
import {
  Allowlist,
  AllowlistError,
  type AllowlistOptions,
  parseEntry,
} from '../../../proxy/policy/allowlist.js';
import { parseHostEntry } from '../../../proxy/policy/entry.js';
import { growth } from '../../support/growth.js';

function problem(text: string, options?: AllowlistOptions): string {
  const parsed = parseEntry(text, options);
  return parsed.ok ? 'valid' : parsed.problem;
}

describe('what to write instead', () => {
  it.each([
    ['*.example.com', 'write .example.com'],
    ['*.example.com:8443', 'write .example.com:8443'],
    ['*', 'write .example.com'],
    ['www.*.com', 'wildcard'],
    ['*.example.*', 'it has a wildcard, write .example.com for a name and all names below it'],
    ['https://example.com', 'write example.com'],
    ['https://user:pass@example.com:8443/path?q#f', 'write example.com:8443'],
    ['HTTP://[2001:db8::1]/', 'write 2001:db8::1'],
    ['example.com/path', 'write example.com'],
    ['example.com/24', 'write example.com'],
    ['example.com?q', 'write example.com'],
    ['user@example.com', 'write example.com'],
    ['10.0.0.0/8', 'CIDR'],
    ['2001:db8::/32', 'CIDR'],
    ['[2001:db8::]/32', 'CIDR'],
    ['..example.com', 'write .example.com'],
    ['.192.0.2.1', 'write 192.0.2.1'],
    ['2001:db8::1:x', 'write [2001:db8::1]:8443'],
    ['', 'empty'],
    ['   ', 'empty'],
    ['.', 'empty'],
    ['example.com:0', '1 to 65535'],
    ['example.com:65536', '1 to 65535'],
    ['example.com:', 'port'],
    ['example.com:https', 'port'],
    ['example.com:443:443', 'host:port'],
    ['127.1', 'four decimal numbers'],
    ['0x7f000001', 'four decimal numbers'],
    ['fe80::1%eth0', 'IPv6'],
    ['b\u00fccher.example', 'write xn--bcher-kva.example'],
    ['.m\u00fcnchen.de:8443', 'write .xn--mnchen-3ya.de:8443'],
    ['a.example,b.example', 'repeat --domain'],
    ['-example.com', 'hyphen'],
    ['example..com', 'empty'],
  ])('%j: %s', (entry, advice) => {
    expect(problem(entry)).toContain(advice);
  });

  it.each([
    'example.com\n.evil.com',
    'example.com .evil.com',
    'example.com\0',
    'e\u200bxample.com',
    '\u212a.com',
    '\u00a0a.com',
  ])('threats: log injection: one printable line for %j', (entry) => {
    expect(problem(entry)).toMatch(/^[ -~\u2026]+$/);
    expect(problem(entry)).not.toBe('valid');
  });

  it('suggests no other spelling of half an entry', () => {
    expect(problem('b\u00fccher.example:8443')).toContain('write xn--bcher-kva.example:8443');
    expect(problem('b\u00fccher.example:8443:1')).not.toContain('xn--bcher');
  });

  it('cuts long entries, and shows others whole', () => {
    expect(problem(`-${'a'.repeat(79)}`)).toContain(`-${'a'.repeat(79)}"`);
    expect(problem(`-${'a'.repeat(80)}`)).toContain('...');
    expect(problem('a.'.repeat(10_000)).length).toBeLessThan(250);
  });

  it('lists the problems of all entries', () => {
    const parse = () => Allowlist.parse(['example.com', '*.example.com', 'b/c', ...Array(9).fill('x')]);
    expect(parse).toThrow(AllowlistError);
    try {
      parse();
    } catch (error) {
      const { problems, message } = error as AllowlistError;
      expect(problems).toHaveLength(11);
      expect(message).toContain('write .example.com');
      expect(message).toContain('and 6 more');
      expect(message).not.toContain('\n');
    }
  });
});

describe('an entry that is long', () => {
  it('is refused above 300 characters, with all that is around it', () => {
    expect(problem(`${' '.repeat(100)}example.com${'\t'.repeat(189)}`)).toBe('valid');
    expect(problem(`${' '.repeat(100)}example.com${'\t'.repeat(190)}`)).toContain(
      'longer than 300 characters',
    );
  });

  it.each([
    ['blanks', ' ', 'b'],
    ['slashes', '/', ''],
    ['letters of a scheme', 'a', ':/'],
    ['dots', '.', '*'],
    ['asterisks', '*.', ''],
    ['at signs', '@', ' '],
  ])('takes time in proportion to its length: %s', async (_, piece, end) => {
    const reads = (units: number) => {
      const entry = `a${piece.repeat(units)}${end}`;
      return () => parseHostEntry(entry);
    };
    expect(await growth(reads, 2_000, 40_000)).toBeLessThan(100);
    expect(await growth(reads, 14, 140)).toBeLessThan(50);
  });
});
