import { describe, expect, it } from 'vitest';
import { startDnsServer } from '../../support/dns-server.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { addresses, asked, name, resolver, server, timed } from './resolving.js';

describe('an answer', () => {
  it('has all addresses of both families, IPv6 first, with their TTL', async () => {
    const dns = await server({
      'a.test': { addresses: ['198.51.100.1', '2001:db8::1', '198.51.100.2'], ttl: 90 },
    });
    expect(await resolver({ dns: dns.address }).resolve(name('a.test'))).toEqual([
      { address: '2001:db8::1', family: 6, ttl: 90 },
      { address: '198.51.100.1', family: 4, ttl: 90 },
      { address: '198.51.100.2', family: 4, ttl: 90 },
    ]);
    expect(dns.queries.toSorted()).toEqual(['a.test A', 'a.test AAAA']);
  });

  it('that is mixed comes whole, the private address included, for the rule to refuse', async () => {
    const dns = await server({ 'mixed.test': ['198.51.100.1', '127.0.0.1', '::ffff:169.254.169.254'] });
    expect((await addresses(resolver({ dns: dns.address }), 'mixed.test')).toSorted()).toEqual([
      '127.0.0.1',
      '198.51.100.1',
      '::ffff:169.254.169.254',
    ]);
  });

  it('that does not fit a datagram comes whole, over TCP', async () => {
    const many = Array.from({ length: 64 }, (_, i) => `2001:db8::${i}`);
    const dns = await server({ 'many.test': many });
    expect(await addresses(resolver({ dns: dns.address }), 'many.test')).toHaveLength(64);
  });

  it('of more than 64 addresses is none', async () => {
    const many = Array.from({ length: 65 }, (_, i) => `198.51.100.${i}`);
    const dns = await server({ 'most.test': many.slice(1), 'more.test': many });
    const asking = resolver({ dns: dns.address });
    expect(await addresses(asking, 'most.test')).toHaveLength(64);
    await expect(asking.resolve(name('more.test'))).rejects.toMatchObject({
      reason: 'dns-failed',
      code: '65 addresses',
    });
  });

  it('of a CNAME has only the final addresses', async () => {
    const dns = await server({
      'www.test': { cname: 'cdn.test', ttl: 5 },
      'cdn.test': { addresses: ['10.0.0.1'], ttl: 60 },
    });
    expect(await resolver({ dns: dns.address }).resolve(name('www.test'))).toEqual([
      { address: '10.0.0.1', family: 4, ttl: 5 },
    ]);
  });

  it('is for the absolute name: no search list, no /etc/hosts, nothing special about localhost', async () => {
    const dns = await server({ localhost: ['198.51.100.7'] });
    const from = resolver({ dns: dns.address });
    expect(await addresses(from, 'localhost')).toEqual(['198.51.100.7']);
    await expect(from.resolve(name('host'))).rejects.toMatchObject({ reason: 'name-not-found' });
    expect(new Set(dns.queries)).toEqual(new Set(['localhost A', 'localhost AAAA', 'host A', 'host AAAA']));
  });
});

describe('a name without addresses', () => {
  it.each(['nxdomain', 'nodata'] as const)('is not found: %s', async (fail) => {
    const dns = await server({ 'gone.test': fail, 'here.test': ['198.51.100.1'] });
    const from = resolver({ dns: dns.address });
    await expect(from.resolve(name('gone.test'))).rejects.toMatchObject({ reason: 'name-not-found' });
    expect(await addresses(from, 'here.test')).toEqual(['198.51.100.1']);
  });

  it('is asked for again: negative answers are not kept', async () => {
    const dns = await server({ 'new.test': 'nxdomain' });
    const from = resolver({ dns: dns.address });
    await expect(from.resolve(name('new.test'))).rejects.toThrow('does not exist');
    dns.set('new.test', ['198.51.100.1']);
    expect(await addresses(from, 'new.test')).toEqual(['198.51.100.1']);
  });

  it('is no failure of the servers where one family failed and the other says it does not exist', async () => {
    const dns = await server({ 'half.test': { A: 'nxdomain', AAAA: 'servfail' } });
    await expect(resolver({ dns: dns.address }).resolve(name('half.test'))).rejects.toMatchObject({
      reason: 'name-not-found',
    });
  });
});

describe('a name server that fails', () => {
  it.each(['servfail', 'refused', 'garbage'] as const)(
    'with %s for both families: dns-failed',
    async (fail) => {
      const dns = await server({ 'bad.test': fail });
      await expect(resolver({ dns: dns.address }).resolve(name('bad.test'))).rejects.toMatchObject({
        name: 'ResolveError',
        reason: 'dns-failed',
        host: 'bad.test',
        code: expect.stringMatching(/^E/),
      });
    },
  );

  it.each(['A', 'AAAA'] as const)('for %s only: the other family is the answer', async (failing) => {
    const good = failing === 'A' ? '2001:db8::1' : '198.51.100.1';
    const dns = await server({ 'half.test': { A: [good], AAAA: [good], [failing]: 'servfail' } });
    expect(await addresses(resolver({ dns: dns.address }), 'half.test')).toEqual([good]);
  });

  it('by silence for AAAA only: the answer comes before the time is over, and is soon asked for again', async () => {
    const dns = await server({
      'half.test': { A: ['198.51.100.1'], AAAA: 'silence' },
      'silent.test': 'silence',
    });
    const clock = new VirtualClock();
    const from = resolver({ dns: dns.address, timeoutMs: 1200, clock });
    let whole = false;
    const silent = timed(from.resolve(name('silent.test'))).then(() => {
      whole = true;
    });
    expect(await addresses(from, 'half.test')).toEqual(['198.51.100.1']);
    expect(whole).toBe(false);
    await silent;
    dns.set('half.test', ['198.51.100.1', '2001:db8::1']);
    expect(await addresses(from, 'half.test')).toHaveLength(1);
    clock.advance(10_000);
    expect(await addresses(from, 'half.test')).toHaveLength(2);
  });

  it('that is not there at all: dns-failed at once', async () => {
    const gone = await startDnsServer();
    await gone.close();
    await expect(resolver({ dns: gone.address }).resolve(name('a.test'))).rejects.toMatchObject({
      reason: 'dns-failed',
      code: 'ECONNREFUSED',
    });
  });
});

describe('time', () => {
  it('a look-up without answer ends in time: dns-timeout', async () => {
    const dns = await server({ 'silent.test': 'silence', 'ok.test': ['198.51.100.1'] });
    const from = resolver({ dns: dns.address, timeoutMs: 500 });
    expect(await addresses(from, 'ok.test')).toEqual(['198.51.100.1']);
    const { ms, result } = await timed(from.resolve(name('silent.test')));
    expect(result).toMatchObject({ reason: { reason: 'dns-timeout' } });
    expect(ms).toBeGreaterThan(400);
  });

  it('a slow answer counts, also after many quick ones and after it was asked for again', async () => {
    const dns = await server({
      'slow.test': { addresses: ['198.51.100.1'], delayMs: 1400 },
      '*': { addresses: ['198.51.100.2'], ttl: 0 },
    });
    const from = resolver({ dns: dns.address, timeoutMs: 4_000 });
    for (let i = 0; i < 10; i++) await from.resolve(name(`quick${i}.test`));
    expect(await addresses(from, 'slow.test')).toEqual(['198.51.100.1']);
    expect(asked(dns, 'slow.test A')).toBeGreaterThan(1);
  });

  it('a lost datagram costs a moment, not the look-up', async () => {
    const dns = await server({ 'lossy.test': ['silence', ['198.51.100.1']] });
    const from = resolver({ dns: dns.address, timeoutMs: 4_000 });
    expect(await addresses(from, 'lossy.test')).toEqual(['198.51.100.1']);
  });

  it("one job's slow names do not stall another's", async () => {
    const dns = await server({ '*': 'silence', 'ok.test': { addresses: ['198.51.100.1'], ttl: 0 } });
    const hostile = resolver({ dns: dns.address, maxLookups: 32, timeoutMs: 2_000 });
    const other = resolver({ dns: dns.address, maxLookups: 32 });
    const stuck = Promise.allSettled(
      Array.from({ length: 100 }, (_, i) => hostile.resolve(name(`s${i}.test`))),
    );
    await expect(hostile.resolve(name('ok.test'))).rejects.toMatchObject({ reason: 'too-many-lookups' });
    let over = false;
    void stuck.then(() => {
      over = true;
    });
    expect(await addresses(other, 'ok.test')).toEqual(['198.51.100.1']);
    expect(over).toBe(false);
    await stuck;
    expect(await addresses(hostile, 'ok.test')).toEqual(['198.51.100.1']);
  });
});

describe('limits', () => {
  it('look-ups at once: the next is refused, not queued, and one that ended makes room', async () => {
    const dns = await server({
      '*': { addresses: ['198.51.100.1'], delayMs: 200 },
      'k.test': ['198.51.100.2'],
    });
    const from = resolver({ dns: dns.address, maxLookups: 2, addHosts: [['static.test', '198.51.100.9']] });
    await from.resolve(name('k.test'));
    const two = [from.resolve(name('a.test')), from.resolve(name('b.test'))];
    await expect(from.resolve(name('c.test'))).rejects.toMatchObject({ reason: 'too-many-lookups' });
    // Neither a shared look-up nor a known answer is another look-up.
    expect(await addresses(from, 'a.test')).toEqual(['198.51.100.1']);
    expect(await addresses(from, 'k.test')).toEqual(['198.51.100.2']);
    expect(await addresses(from, 'static.test')).toEqual(['198.51.100.9']);
    await Promise.all(two);
    expect(await addresses(from, 'c.test')).toEqual(['198.51.100.1']);
  });

  it('an aborted look-up ends at once and makes room', async () => {
    const dns = await server({ '*': 'silence', 'ok.test': ['198.51.100.1'] });
    const from = resolver({ dns: dns.address, maxLookups: 1 });
    const abort = new AbortController();
    const pending = timed(from.resolve(name('a.test'), abort));
    await expect(from.resolve(name('ok.test'))).rejects.toMatchObject({ reason: 'too-many-lookups' });
    abort.abort(new Error('client left'));
    expect((await pending).result).toMatchObject({ reason: { message: 'client left' } });
    expect(await addresses(from, 'ok.test')).toEqual(['198.51.100.1']);
  });

  it('an abort ends only its own wait where others share the look-up', async () => {
    const dns = await server({ 'a.test': { addresses: ['198.51.100.1'], delayMs: 150 } });
    const from = resolver({ dns: dns.address });
    const abort = new AbortController();
    const leaving = from.resolve(name('a.test'), abort);
    const staying = addresses(from, 'a.test');
    abort.abort(new Error('client left'));
    await expect(leaving).rejects.toThrow('client left');
    expect(await staying).toEqual(['198.51.100.1']);
  });

  it('close ends what is under way, and answers nothing any more', async () => {
    const dns = await server({ '*': 'silence', 'ok.test': ['198.51.100.1'] });
    const from = resolver({ dns: dns.address });
    await from.resolve(name('ok.test'));
    const pending = timed(from.resolve(name('a.test')));
    from.close();
    expect((await pending).result).toMatchObject({ reason: { reason: 'dns-failed' } });
    await expect(from.resolve(name('ok.test'))).rejects.toMatchObject({ reason: 'dns-failed' });
  });
});

describe("the operator's answers (--add-host)", () => {
  it('come first, all of them, without a look-up; other names are looked up', async () => {
    const dns = await server({ 'a.test': ['198.51.100.1'], 'b.test': ['198.51.100.2'] });
    const from = resolver({
      dns: dns.address,
      addHosts: [
        ['a.test', '192.0.2.1'],
        ['a.test', '2001:db8::9'],
      ],
    });
    expect(await from.resolve(name('a.test'))).toMatchObject([
      { address: '192.0.2.1', family: 4 },
      { address: '2001:db8::9', family: 6 },
    ]);
    expect(await addresses(from, 'b.test')).toEqual(['198.51.100.2']);
    expect(asked(dns, 'a.test A')).toBe(0);
  });
});
