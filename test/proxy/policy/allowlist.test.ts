import { describe, expect, it } from 'vitest';
import {
  Allowlist,
  type AllowlistOptions,
  isConnectPort,
  isPlainHttpPort,
  parseEntry,
} from '../../../proxy/policy/allowlist.js';
import { type CanonicalHost, parseHost } from '../../../proxy/policy/authority.js';
import { parseHostEntry } from '../../../proxy/policy/entry.js';
import { HostTable, type Slot } from '../../../proxy/policy/host-table.js';

function host(text: string): CanonicalHost {
  const parsed = parseHost(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value.host;
}

/** What a CONNECT to the host gets. */
function decide(entries: readonly string[], name: string, port = 443, options?: AllowlistOptions): string {
  return Allowlist.parse(entries, options).match(host(name), port, isConnectPort);
}

function problem(text: string, options?: AllowlistOptions): string {
  const parsed = parseEntry(text, options);
  return parsed.ok ? 'valid' : parsed.problem;
}

describe('threats: an empty allowlist denies everything', () => {
  it.each(['example.com', 'localhost', '192.0.2.1', '2001:db8::1'])('%s', (name) => {
    expect(decide([], name)).toBe('domain-not-allowed');
    expect(decide([], name, 80)).toBe('domain-not-allowed');
  });

  it('and one entry allows that one', () => {
    expect(decide(['example.com'], 'example.com')).toBe('allowed');
  });
});

describe('threats: look-alikes of an entry', () => {
  it.each([
    ['the name', ['example.com'], 'example.com', 'allowed'],
    ['the name in other spellings', [' ExAmple.COM. '], 'EXAMPLE.com.', 'allowed'],
    ['a name below an exact entry', ['example.com'], 'www.example.com', 'domain-not-allowed'],
    ['the name of a dot entry', ['.example.com'], 'example.com', 'allowed'],
    ['a name below a dot entry', ['.example.com'], 'www.example.com', 'allowed'],
    ['a name far below a dot entry', ['.example.com'], 'a.b.c.d.example.com', 'allowed'],
    ['evilexample.com', ['.example.com', 'example.com'], 'evilexample.com', 'domain-not-allowed'],
    ['example.com.evil.com', ['.example.com', 'example.com'], 'example.com.evil.com', 'domain-not-allowed'],
    ['example.comevil.com', ['.example.com', 'example.com'], 'example.comevil.com', 'domain-not-allowed'],
    ['the parent', ['.www.example.com'], 'example.com', 'domain-not-allowed'],
    ['the public suffix', ['.example.com', 'example.com'], 'com', 'domain-not-allowed'],
    ['xample.com', ['.example.com'], 'xample.com', 'domain-not-allowed'],
    ['a single label', ['.example.com'], 'localhost', 'domain-not-allowed'],
  ])('%s', (_, entries, name, decision) => {
    expect(decide(entries, name)).toBe(decision);
  });
});

describe('IP entries', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', 'allowed'],
    ['192.0.2.1', '192.0.2.10', 'domain-not-allowed'],
    ['192.0.2.1', '::ffff:192.0.2.1', 'domain-not-allowed'],
    ['2001:DB8:0::1', '2001:db8::1', 'allowed'],
    ['[2001:db8::1]', '2001:db8::1', 'allowed'],
    ['2001:db8::1', '2001:db8::11', 'domain-not-allowed'],
  ])('%s and the target %s: %s', (entry, target, decision) => {
    expect(decide([entry], target)).toBe(decision);
  });

  it('takes a port, IPv6 in brackets', () => {
    expect(decide(['192.0.2.1:8443'], '192.0.2.1', 8443)).toBe('allowed');
    expect(decide(['[2001:db8::1]:8443'], '2001:db8::1', 8443)).toBe('allowed');
    const { entries } = Allowlist.parse(['[2001:DB8::1]:8443', '192.0.2.1:8443']);
    expect(entries.map(({ text }) => text)).toEqual(['[2001:db8::1]:8443', '192.0.2.1:8443']);
  });
});

describe('threats: CONNECT to a port that is not for the web', () => {
  it.each([
    ['example.com', 443, 'allowed'],
    ['example.com', 80, 'allowed'],
    ['example.com', 22, 'port-not-allowed'],
    ['example.com', 25, 'port-not-allowed'],
    ['example.com', 8443, 'port-not-allowed'],
    ['example.com:8443', 8443, 'allowed'],
    ['example.com:8443', 443, 'allowed'],
    ['example.com:8443', 8444, 'port-not-allowed'],
    ['.example.com:8443', 8443, 'allowed'],
  ])('entry %s, port %i: %s', (entry, port, decision) => {
    expect(decide([entry], 'example.com', port)).toBe(decision);
  });

  it('gives the port of an entry to that entry only', () => {
    const list = ['.example.com', 'a.example.com:8443', '.b.example.com:9443', 'example.org'];
    expect(decide(list, 'a.example.com', 8443)).toBe('allowed');
    expect(decide(list, 'x.b.example.com', 9443)).toBe('allowed');
    for (const name of ['example.com', 'c.example.com', 'x.a.example.com', 'example.org']) {
      expect(decide(list, name, 8443), name).toBe('port-not-allowed');
      expect(decide(list, name, 9443), name).toBe('port-not-allowed');
      expect(decide(list, name, 443), name).toBe('allowed');
    }
  });

  it.each([
    [80, 'allowed'],
    [443, 'port-not-allowed'],
    [1, 'port-not-allowed'],
    [22, 'port-not-allowed'],
    [1024, 'port-not-allowed'],
    [1025, 'allowed'],
    [65535, 'allowed'],
  ])('plain HTTP to port %i: %s', (port, decision) => {
    expect(Allowlist.parse(['example.com']).match(host('example.com'), port, isPlainHttpPort)).toBe(decision);
    const withPort = Allowlist.parse([`example.com:${port}`], { allowPorts: [port] });
    expect(withPort.match(host('example.com'), port, isPlainHttpPort)).toBe('allowed');
  });

  it.each([
    ['example.com:1024', 'valid'],
    ['example.com:65535', 'valid'],
    ['example.com:80', 'valid'],
    ['example.com:443', 'valid'],
    ['example.com:22', '--allow-port 22'],
    ['example.com:1023', '--allow-port 1023'],
    ['192.0.2.1:25', '--allow-port 25'],
  ])('a job may write %s: %s', (entry, answer) => {
    expect(problem(entry)).toContain(answer);
  });

  it('a port below 1024 is valid where the operator allows it, and only that one', () => {
    expect(problem('example.com:22', { allowPorts: [22] })).toBe('valid');
    expect(problem('example.com:23', { allowPorts: [22] })).toContain('--allow-port 23');
    expect(decide(['example.com:22'], 'example.com', 22, { allowPorts: [22] })).toBe('allowed');
  });
});

describe('threats: public suffixes as entries', () => {
  it.each([
    '.com',
    '.uk',
    '.co.uk',
    '.gov.uk',
    '.a.sch.uk',
    '.kobe.jp',
    '.foo.kobe.jp',
    '.COM.',
    '.com:8443',
  ])('refused with the names below it: %s', (entry) => {
    expect(problem(entry)).toContain('public suffix');
  });

  it.each(['.example.com', '.example.co.uk', '.www.ck', '.city.kobe.jp', '.example.test'])(
    'valid: %s',
    (entry) => {
      expect(parseEntry(entry)).toEqual(expect.not.objectContaining({ warning: expect.anything() }));
      expect(problem(entry)).toBe('valid');
    },
  );

  it.each(['gov.uk', 'co.uk', 'foo.kobe.jp', 'github.io'])(
    'as an exact name valid, with a warning: %s',
    (entry) => {
      expect(parseEntry(entry)).toMatchObject({ ok: true, warning: expect.stringContaining(entry) });
      expect(decide([entry], `evil.${entry}`)).toBe('domain-not-allowed');
    },
  );

  it.each(['.github.io', '.s3.amazonaws.com', '.compute.amazonaws.com'])(
    'a private suffix is valid, with a warning: %s',
    (entry) => {
      expect(parseEntry(entry)).toMatchObject({ ok: true, warning: expect.stringContaining('many owners') });
      expect(Allowlist.parse(['example.com', entry]).warnings).toHaveLength(1);
    },
  );

  it.each(['com', 'localhost', '.localhost', '.internal', 'metadata', 'localhost:8080'])(
    'a name of one label is none: %s',
    (entry) => {
      expect(problem(entry)).toMatch(/two labels|public suffix/);
    },
  );
});

describe('threats: a long list costs nothing per decision', () => {
  class CountingMap extends Map<string, Slot> {
    probes = 0;
    override get(key: string): Slot | undefined {
      this.probes++;
      return super.get(key);
    }
  }

  it('a look-up probes once per label and once for the name, with 10 entries or 10,000', () => {
    for (const size of [10, 10_000]) {
      const slots = new CountingMap();
      const table = new HostTable(slots);
      for (let i = 0; i < size; i++) {
        const parsed = parseHostEntry(`${i % 2 ? '.' : ''}d${i}.example.com`);
        if (parsed.ok) table.add(parsed.value);
      }
      for (const name of [
        'd1.example.com',
        'a.b.c.d1.example.com',
        'www.other.org',
        `${'a.'.repeat(120)}com`,
      ]) {
        slots.probes = 0;
        table.containing(name);
        expect(slots.probes).toBeLessThanOrEqual(name.split('.').length + 1);
      }
    }
  });

  it('100,000 entries are read, and decide as a short list does', () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => `${i % 2 ? '.' : ''}d${i}.example.com`);
    const list = Allowlist.parse(entries);
    expect(list.entries).toHaveLength(100_000);
    expect(list.match(host('d2.example.com'), 443, isConnectPort)).toBe('allowed');
    expect(list.match(host('a.d2.example.com'), 443, isConnectPort)).toBe('domain-not-allowed');
    expect(list.match(host('a.d3.example.com'), 443, isConnectPort)).toBe('allowed');
    expect(list.match(host('d100000.example.com'), 443, isConnectPort)).toBe('domain-not-allowed');
  });
});
