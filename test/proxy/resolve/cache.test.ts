import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../support/virtual-clock.js';
import { addresses, asked, name, resolver, server } from './resolving.js';

describe('the cache', () => {
  it('keeps an answer for its TTL and never serves it stale, not even when the servers fail', async () => {
    const dns = await server({ 'a.test': { addresses: ['198.51.100.1'], ttl: 30 } });
    const clock = new VirtualClock();
    const from = resolver({ dns: dns.address, clock });
    await from.resolve(name('a.test'));
    clock.advance(29_999);
    expect(await addresses(from, 'a.test')).toEqual(['198.51.100.1']);
    expect(asked(dns, 'a.test A')).toBe(1);
    dns.set('a.test', 'servfail');
    clock.advance(1);
    await expect(from.resolve(name('a.test'))).rejects.toMatchObject({ reason: 'dns-failed' });
    dns.set('a.test', { addresses: ['198.51.100.2'], ttl: 30 });
    expect(await addresses(from, 'a.test')).toEqual(['198.51.100.2']);
  });

  it('gives what is left of the TTL', async () => {
    const dns = await server({ 'a.test': { addresses: ['198.51.100.1'], ttl: 30 } });
    const clock = new VirtualClock();
    const from = resolver({ dns: dns.address, clock });
    expect(await from.resolve(name('a.test'))).toMatchObject([{ ttl: 30 }]);
    clock.advance(12_500);
    expect(await from.resolve(name('a.test'))).toMatchObject([{ ttl: 17 }]);
  });

  it('keeps a whole answer no longer than its shortest TTL', async () => {
    const dns = await server({
      'a.test': {
        A: { addresses: ['198.51.100.1'], ttl: 100 },
        AAAA: { addresses: ['2001:db8::1'], ttl: 5 },
      },
    });
    const clock = new VirtualClock();
    const from = resolver({ dns: dns.address, clock });
    await from.resolve(name('a.test'));
    clock.advance(5000);
    await from.resolve(name('a.test'));
    expect(asked(dns, 'a.test A')).toBe(2);
  });

  it('does not keep TTL 0 (rebinding: each decision sees the answer of its own look-up)', async () => {
    const dns = await server({
      'rebind.test': [
        { addresses: ['198.51.100.1'], ttl: 0 },
        { addresses: ['127.0.0.1'], ttl: 0 },
      ],
    });
    const from = resolver({ dns: dns.address });
    expect(await addresses(from, 'rebind.test')).toEqual(['198.51.100.1']);
    expect(await addresses(from, 'rebind.test')).toEqual(['127.0.0.1']);
  });

  it('bounds an endless TTL', async () => {
    const dns = await server({ 'a.test': { addresses: ['198.51.100.1'], ttl: 2_000_000_000 } });
    const clock = new VirtualClock();
    const from = resolver({ dns: dns.address, clock });
    await from.resolve(name('a.test'));
    clock.advance(300_000);
    await from.resolve(name('a.test'));
    expect(asked(dns, 'a.test A')).toBe(2);
  });

  it('is bounded in entries: a flood of names costs look-ups, not memory', async () => {
    const dns = await server({ '*': ['198.51.100.1'] });
    const from = resolver({ dns: dns.address, maxCached: 10 });
    for (let i = 0; i < 11; i++) await from.resolve(name(`n${i}.test`));
    await from.resolve(name('n10.test'));
    expect(asked(dns, 'n10.test A')).toBe(1);
    await from.resolve(name('n0.test'));
    expect(asked(dns, 'n0.test A')).toBe(2);
  });

  it('looks up a name once for all who ask at the same time', async () => {
    const dns = await server({ 'a.test': { addresses: ['198.51.100.1'], delayMs: 50, ttl: 0 } });
    const from = resolver({ dns: dns.address });
    const all = await Promise.all(Array.from({ length: 50 }, () => addresses(from, 'a.test')));
    expect(all.flat()).toHaveLength(50);
    expect(asked(dns, 'a.test A')).toBe(1);
  });
});
