import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addresses, name, resolver, server } from './resolving.js';

describe('several servers', () => {
  // The servers of /etc/resolv.conf are replaced where c-ares hands them over.
  let servers: string[] = [];
  beforeEach(async () => {
    const { promises } = await import('node:dns');
    vi.spyOn(promises.Resolver.prototype, 'getServers').mockImplementation(() => servers);
  });
  afterEach(() => void vi.restoreAllMocks());

  it.each(['silence', 'servfail', 'refused', 'garbage'] as const)(
    'a first one that answers with %s is survived, and asked last from then on',
    async (fail) => {
      const bad = await server({ '*': fail });
      const good = await server({ '*': ['198.51.100.1'] });
      servers = [bad.address, good.address];
      const from = resolver({ timeoutMs: 2000 });
      expect(await addresses(from, 'a.test')).toEqual(['198.51.100.1']);
      const before = bad.queries.length;
      await from.resolve(name('b.test'));
      expect(bad.queries.length).toBe(before);
    },
  );

  it('are asked one at a time while the first answers', async () => {
    const first = await server({ '*': ['198.51.100.1'], 'gone.test': 'nxdomain' });
    const second = await server({ '*': ['198.51.100.2'] });
    servers = [first.address, second.address];
    const from = resolver({});
    expect(await addresses(from, 'a.test')).toEqual(['198.51.100.1']);
    await expect(from.resolve(name('gone.test'))).rejects.toMatchObject({ reason: 'name-not-found' });
    expect(second.queries).toEqual([]);
  });

  it('that change apply to the next look-up', async () => {
    const first = await server({ '*': ['198.51.100.1'] });
    const second = await server({ '*': ['198.51.100.2'] });
    servers = [first.address];
    const from = resolver({});
    expect(await addresses(from, 'a.test')).toEqual(['198.51.100.1']);
    servers = [second.address];
    expect(await addresses(from, 'b.test')).toEqual(['198.51.100.2']);
  });

  it('that are none fail', async () => {
    servers = [];
    await expect(resolver({}).resolve(name('a.test'))).rejects.toMatchObject({ reason: 'dns-failed' });
  });
});
