import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Allowlist, isConnectPort, parseEntry } from '../../../proxy/policy/allowlist.js';
import { type CanonicalHost, parseHost } from '../../../proxy/policy/authority.js';

function host(text: string): CanonicalHost {
  const parsed = parseHost(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value.host;
}

function kept(entries: readonly string[]): string[] {
  return Allowlist.parse(entries).entries.map(({ text }) => text);
}

function covers(node: readonly string[], entry: string): boolean {
  const parsed = parseEntry(entry);
  if (!parsed.ok) throw new Error(parsed.problem);
  return Allowlist.parse(node).covers(parsed.value);
}

describe('overlapping entries collapse to the widest', () => {
  it.each([
    ['the reference example', ['y.foo.com', '.foo.com', 'x.foo.com'], ['.foo.com']],
    ['nothing is lost', ['foo.com', '.x.foo.com'], ['foo.com', '.x.foo.com']],
    ['a dot entry contains its own name', ['foo.com', '.foo.com'], ['.foo.com']],
    ['dot entries in dot entries', ['.a.b.foo.com', '.b.foo.com', '.foo.com'], ['.foo.com']],
    ['duplicates', ['foo.com', 'FOO.com.', ' foo.com '], ['foo.com']],
    ['a port is never lost', ['.foo.com', 'x.foo.com:8443'], ['.foo.com', 'x.foo.com:8443']],
    ['a wider entry with the port', ['x.foo.com:8443', '.foo.com:8443'], ['.foo.com:8443']],
    ['a wider entry with a port contains one without', ['x.foo.com', '.foo.com:8443'], ['.foo.com:8443']],
    ['the same name with a port', ['foo.com', 'foo.com:8443'], ['foo.com:8443']],
    ['the same dot entry with a port', ['.foo.com', '.foo.com:8443'], ['.foo.com:8443']],
    ['two ports', ['foo.com', 'foo.com:8443', 'foo.com:9443'], ['foo.com:8443', 'foo.com:9443']],
    ['other names are other names', ['.foo.com', 'xfoo.com', 'foo.org'], ['.foo.com', 'xfoo.com', 'foo.org']],
    ['addresses', ['192.0.2.1', '192.0.2.1', '2001:db8::1', '2001:DB8::1'], ['192.0.2.1', '2001:db8::1']],
  ])('%s', (_, entries, result) => {
    expect(kept(entries)).toEqual(result);
    expect(kept([...entries].reverse()).sort()).toEqual([...result].sort());
  });

  it('reports what was dropped, and for what', () => {
    expect(
      Allowlist.parse(['Y.foo.com', '.foo.com', 'x.foo.com:8443', 'foo.com', 'foo.COM']).collapsed,
    ).toEqual([
      { entry: 'Y.foo.com', into: '.foo.com' },
      { entry: 'foo.com', into: '.foo.com' },
      { entry: 'foo.COM', into: '.foo.com' },
    ]);
  });

  const names = ['foo.com', 'x.foo.com', 'y.x.foo.com', 'bar.org', 'a.bar.org'];
  const ports = [80, 443, 1024, 8443, 9443];
  const anyEntry = fc
    .tuple(fc.constantFrom(...names), fc.boolean(), fc.constantFrom('', ':8443', ':9443'))
    .map(([name, dot, port]) => `${dot ? '.' : ''}${name}${port}`);
  const anyList = fc.array(anyEntry, { maxLength: 8 });

  it('never changes a decision: by property, against each entry on its own', () => {
    fc.assert(
      fc.property(anyList, (entries) => {
        const list = Allowlist.parse(entries);
        const again = Allowlist.parse(list.entries.map(({ text }) => text));
        expect(again.collapsed).toEqual([]);
        expect(list.entries.length + list.collapsed.length).toBe(entries.length);
        const texts = new Set(list.entries.map(({ text }) => text));
        for (const { into } of list.collapsed) expect(texts).toContain(into);
        const single = entries.map((entry) => Allowlist.parse([entry]));
        for (const name of [...names, 'z.foo.com', 'xfoo.com', 'com']) {
          for (const port of ports) {
            const alone = single.map((one) => one.match(host(name), port, isConnectPort));
            const best = alone.includes('allowed')
              ? 'allowed'
              : alone.includes('port-not-allowed')
                ? 'port-not-allowed'
                : 'domain-not-allowed';
            const decided = [list, again].map((one) => one.match(host(name), port, isConnectPort));
            if (decided.some((one) => one !== best)) expect.fail(`${name}:${port}: ${decided}, not ${best}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('covers means that whatever the entry allows is allowed by the list: by property', () => {
    fc.assert(
      fc.property(anyList, anyEntry, (entries, entry) => {
        if (!covers(entries, entry)) return;
        const [one, all] = [Allowlist.parse([entry]), Allowlist.parse(entries)];
        for (const name of [...names, 'z.y.x.foo.com', 'b.a.bar.org']) {
          for (const port of ports) {
            if (one.match(host(name), port, isConnectPort) === 'allowed')
              expect(all.match(host(name), port, isConnectPort)).toBe('allowed');
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a node's list and a job's entry, with set semantics", () => {
  it.each([
    [['x.com'], 'x.com', true],
    [['.x.com'], 'x.com', true],
    [['.x.com'], 'a.x.com', true],
    [['.x.com'], '.x.com', true],
    [['.x.com'], '.a.x.com', true],
    [['x.com'], '.x.com', false],
    [['x.com'], 'a.x.com', false],
    [['.a.x.com'], '.x.com', false],
    [['x.com', 'a.x.com', 'b.x.com'], '.x.com', false],
    [['.x.com'], 'evilx.com', false],
    [[], 'x.com', false],
    [['192.0.2.1'], '192.0.2.1', true],
    [['192.0.2.1'], '192.0.2.2', false],
    [['.x.com'], 'x.com:8443', false],
    [['x.com'], 'x.com:443', false],
    [['x.com:8443'], 'x.com:8443', true],
    [['x.com:8443'], 'x.com', true],
    [['x.com:8443'], 'x.com:9443', false],
    [['.x.com:8443'], '.a.x.com:8443', true],
    [['.x.com', 'a.x.com:8443'], 'a.x.com:8443', true],
    [['.x.com', 'a.x.com:8443'], '.a.x.com:8443', false],
  ])('%j covers %s: %s', (node, entry, covered) => {
    expect(covers(node, entry)).toBe(covered);
  });
});
