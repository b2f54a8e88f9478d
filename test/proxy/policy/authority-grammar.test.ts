import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAuthority,
  parseAbsoluteTarget,
  parseConnectTarget,
  parseHost,
} from '../../../proxy/policy/authority.js';
import { connect, value } from './spellings.js';
import {
  isConnectTargetByGrammar,
  isIpv4ByGrammar,
  isIpv6ByGrammar,
  isNameByGrammar,
  random,
  randomTarget,
  respell,
} from './target-grammar.js';

describe('the grammar, by property', () => {
  const MANY = 200_000;
  /** Any, and as often an ASCII one; fast-check's own takes a second to make. */
  const character = fc.oneof(fc.nat(0x7f), fc.nat(0x10_ffff)).map((code) => String.fromCodePoint(code));

  it('decides generated targets like an independent grammar, and prints a fixed point', () => {
    const below = random(20_260_801);
    let accepted = 0;
    for (let i = 0; i < MANY; i++) {
      const target = randomTarget(below);
      const parsed = parseConnectTarget(target);
      if (parsed.ok !== isConnectTargetByGrammar(target)) expect.fail(`differs: ${JSON.stringify(target)}`);
      if (!parsed.ok) continue;
      accepted++;
      const { host, kind, port } = parsed.value;
      const printed = formatAuthority(parsed.value);
      const again = value(parseConnectTarget(printed));
      const same = again.host === host && again.kind === kind && again.port === port;
      if (!same || formatAuthority(again) !== printed)
        expect.fail(`not a fixed point: ${JSON.stringify(target)}`);
      // A name never comes out as an address, nor an address as a name.
      if (isIP(host) !== { name: 0, ipv4: 4, ipv6: 6 }[kind])
        expect.fail(`wrong kind: ${JSON.stringify(target)}`);
    }
    // The generator is worth something only if it makes many of both.
    expect(accepted).toBeGreaterThan(MANY / 20);
    expect(accepted).toBeLessThan(MANY / 2);
  });

  it('decides equally for all spellings of one name', () => {
    const below = random(20_260_802);
    for (let i = 0; i < 100_000; i++) {
      const parsed = parseConnectTarget(randomTarget(below));
      if (!parsed.ok || parsed.value.kind !== 'name') continue;
      const { host, port } = parsed.value;
      const spelling = respell(host, below);
      if (connect(`${spelling}:${port}`) !== `${host}:${port}`) expect.fail(`differs: ${spelling}`);
    }
  });

  it('agrees with the grammar on any text, and shrinks where it does not', () => {
    const text = fc.oneof(
      fc.string({ unit: character, maxLength: 80 }),
      fc.string({ unit: fc.constantFrom(...'aZ09-_.:[]%@ \0'), maxLength: 40 }),
      fc.domain(),
      fc.ipV4(),
      fc.ipV4Extended(),
      fc.ipV6(),
    );
    fc.assert(
      fc.property(text, fc.option(fc.integer({ min: -5, max: 70_000 })), (host, port) => {
        const target = port === null ? host : `${host}:${port}`;
        const isHost = isNameByGrammar(host) || isIpv4ByGrammar(host) || isIpv6ByGrammar(host);
        return (
          parseConnectTarget(target).ok === isConnectTargetByGrammar(target) && parseHost(host).ok === isHost
        );
      }),
      { numRuns: 5_000 },
    );
  });

  it('prints IPv6 as the URL standard does, but for mapped addresses', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 0, 0, 1, 0xdb8, 0xffff), { minLength: 8, maxLength: 8 }),
        (groups) => {
          const text = groups.map((group) => group.toString(16)).join(':');
          const { host } = value(parseHost(text));
          if (!host.startsWith('::ffff:') || !host.includes('.')) {
            expect(`[${host}]`).toBe(new URL(`http://[${text}]/`).hostname);
          }
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('never crashes on an absolute target, and passes on no byte that is not visible ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 60 }), (rest) => {
        const parsed = parseAbsoluteTarget(`http://example.com${rest}`);
        if (parsed.ok) expect(parsed.value.path).toMatch(/^\/[\x21-\x22\x24-\x7e]*$/);
      }),
      { numRuns: 20_000 },
    );
  });

  it('never repeats the input in a problem', () => {
    const below = random(3);
    for (let i = 0; i < 20_000; i++) {
      const parsed = parseConnectTarget(randomTarget(below));
      if (!parsed.ok && !/^[a-z][a-zA-Z0-9 ,]+$/.test(parsed.problem)) expect.fail(parsed.problem);
    }
  });
});
