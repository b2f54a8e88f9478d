import { describe, expect, it } from 'vitest';
import { parseAddHost, parseDns } from '../../../proxy/policy/dns-flags.js';

describe('flags', () => {
  it.each([
    ['default', { kind: 'default' }],
    ['system', { kind: 'system' }],
    ['192.0.2.53', { kind: 'server', text: '192.0.2.53:53' }],
    ['192.0.2.53:5353', { kind: 'server', text: '192.0.2.53:5353' }],
    ['2001:db8::53', { kind: 'server', text: '[2001:db8::53]:53' }],
    ['[2001:db8::53]', { kind: 'server', text: '[2001:db8::53]:53' }],
    ['[2001:db8::53]:5353', { kind: 'server', text: '[2001:db8::53]:5353' }],
  ])('--dns %s', (text, value) => {
    expect(parseDns(text)).toEqual({ ok: true, value });
  });

  it.each(['', 'dns.test', '192.0.2.53:', '192.0.2.53:0', '127.1', '192.0.2.53:53:53', 'https://192.0.2.1/'])(
    '--dns %j is refused with what to write instead',
    (text) => {
      expect(parseDns(text)).toMatchObject({ ok: false, problem: expect.stringContaining('write ADDR') });
    },
  );

  it.each([
    ['a.test:192.0.2.1', ['a.test', '192.0.2.1']],
    ['A.Test.:192.0.2.1', ['a.test', '192.0.2.1']],
    ['a.test:[2001:DB8::1]', ['a.test', '2001:db8::1']],
  ])('--add-host %s', (text, value) => {
    expect(parseAddHost(text)).toEqual({ ok: true, value });
  });

  it.each([
    '',
    'a.test',
    'a.test:',
    'a.test:b.test',
    'a.test:127.1',
    'a.test:2001:db8::1',
    'a.test:[192.0.2.1]',
    '192.0.2.1:192.0.2.2',
    '-a.test:192.0.2.1',
  ])('--add-host %j is refused with what to write instead', (text) => {
    expect(parseAddHost(text)).toMatchObject({
      ok: false,
      problem: expect.stringContaining('write NAME:IP'),
    });
  });

  it('--add-host without an address is told that it lacks one', () => {
    expect(parseAddHost('a.test')).toMatchObject({
      problem: expect.stringMatching(/^the address is missing: /),
    });
  });
});
