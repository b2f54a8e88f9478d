import { describe, expect, it } from 'vitest';
import { type CanonicalHost, parseHost } from '../../../proxy/policy/authority.js';
import { DenyList, DenyListError } from '../../../proxy/policy/deny-list.js';

function host(text: string): CanonicalHost {
  const parsed = parseHost(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value.host;
}

describe('threats: jobs must not start jobs: what the operator denies', () => {
  it.each([
    ['requester.example.com', 'requester.example.com', 1234, true],
    ['requester.example.com', 'REQUESTER.example.com.', 443, true],
    ['requester.example.com', 'a.requester.example.com', 443, false],
    ['requester.example.com', 'example.com', 443, false],
    ['requester.example.com:1234', 'requester.example.com', 1234, true],
    ['requester.example.com:1234', 'requester.example.com', 443, false],
    ['.example.com', 'example.com', 443, true],
    ['.example.com', 'a.b.example.com', 443, true],
    ['.example.com', 'evilexample.com', 443, false],
    ['.example.com:1234', 'a.example.com', 1234, true],
    ['.example.com:1234', 'a.example.com', 1235, false],
    ['.com', 'example.com', 443, true],
    ['requester', 'requester', 80, true],
    ['192.0.2.1', '192.0.2.1', 80, true],
    ['192.0.2.1', '::ffff:192.0.2.1', 80, true],
    ['::ffff:192.0.2.1', '192.0.2.1', 80, true],
    ['192.0.2.1', '192.0.2.11', 80, false],
    ['[2001:db8::1]:22', '2001:db8::1', 22, true],
    ['[2001:db8::1]:22', '2001:db8::1', 443, false],
    ['2001:DB8::1', '2001:db8::1', 443, true],
  ])('%s and %s port %i: denied %s', (entry, target, port, denied) => {
    expect(DenyList.parse([entry]).match(host(target), port)).toBe(denied);
  });

  it('a port of one entry and all ports of another add up', () => {
    const list = DenyList.parse(['.example.com:22', 'a.example.com', 'a.example.com:80']);
    expect(list.match(host('a.example.com'), 443)).toBe(true);
    expect(list.match(host('b.example.com'), 443)).toBe(false);
    expect(list.match(host('b.example.com'), 22)).toBe(true);
  });

  it('an empty list denies nothing', () => {
    expect(DenyList.parse([]).match(host('example.com'), 443)).toBe(false);
  });

  it('keeps its entries, so that names can be resolved', () => {
    expect(DenyList.parse(['Requester:1234', '.x.example']).entries).toMatchObject([
      { host: 'requester', kind: 'name', port: 1234, subdomains: false },
      { host: 'x.example', kind: 'name', subdomains: true },
    ]);
  });

  it('refuses what it cannot enforce', () => {
    expect(() => DenyList.parse(['*.example.com', '10.0.0.0/8', 'ok.example'])).toThrow(DenyListError);
    expect(() => DenyList.parse(['*.example.com'])).toThrow('write .example.com');
  });
});
