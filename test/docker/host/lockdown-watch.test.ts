import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LockdownError } from '../../../docker/engine/errors.js';
import { FirewallError } from '../../../docker/host/firewall.js';
import { Lockdown, type LockdownOptions } from '../../../docker/host/lockdown.js';
import { HOST_RULES, MemoryFirewall } from '../../support/memory-firewall.js';

let firewall: MemoryFirewall;

function lockdown(options: LockdownOptions = {}): Lockdown {
  return new Lockdown({ firewall, bridges: () => [], ipv6: () => true, ...options });
}

const rules = (table: string, chain: string, family: 4 | 6 = 4) =>
  firewall.tables[family].get(table)?.get(chain);

describe('a lock-down that is watched', () => {
  beforeEach(() => {
    firewall = new MemoryFirewall(HOST_RULES);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** One turn of the watch, the work of which is not in timers. */
  async function turn(one: Lockdown, ms = 2_000): Promise<void> {
    const { checks } = one.figures();
    await vi.advanceTimersByTimeAsync(ms);
    await vi.waitFor(() => expect(one.figures().checks).toBeGreaterThan(checks));
    await vi.advanceTimersByTimeAsync(0);
  }

  it('mends, logs and counts', async () => {
    const warn = vi.fn();
    const one = lockdown({ logger: { warn, info: vi.fn(), debug: vi.fn(), error: vi.fn() } });
    await one.ensure();
    warn.mockClear();
    const onLost = vi.fn();
    using _ = one.watch(onLost);
    await turn(one);
    expect(one.figures().repairs).toBe(0);
    rules('filter', 'INPUT')?.splice(0);
    await vi.advanceTimersByTimeAsync(2_000);
    await vi.waitFor(() => expect(one.figures().repairs).toBe(1));
    expect(warn).toHaveBeenCalledOnce();
    expect(await one.verify()).toEqual([]);
    expect(one.figures().standing).toEqual({ time: expect.any(Number) });
    expect(onLost).not.toHaveBeenCalled();
  });

  it('tells every watcher once when the rules cannot be put back', async () => {
    const one = lockdown();
    expect(one.figures().standing).toBeUndefined();
    await one.ensure();
    const [a, b] = [vi.fn(), vi.fn()];
    using _a = one.watch(a);
    using _b = one.watch(b);
    rules('filter', 'INPUT')?.splice(0);
    firewall.failing = (what) =>
      what === 'restore' ? new FirewallError('privilege', 'not permitted') : undefined;
    await vi.advanceTimersByTimeAsync(2_000);
    await vi.waitFor(() => expect(a).toHaveBeenCalled());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(a.mock.calls).toEqual([[expect.any(LockdownError)]]);
    expect(b).toHaveBeenCalledOnce();
    expect(one.figures().failures).toBe(1);
    expect(one.figures().standing).toMatchObject({ problem: expect.stringContaining('not permitted') });
    // Somebody has mended it, and the next gateway finds it so.
    firewall.failing = () => undefined;
    await one.ensure();
    expect(one.figures().standing).not.toHaveProperty('problem');
  });

  it('that cannot be looked at for a while is not lost; for longer it is', async () => {
    const one = lockdown();
    await one.ensure();
    const [lost, check] = [vi.fn(), vi.fn()];
    using _ = one.watch(lost, check);
    const starved = new FirewallError('starved', 'spawn iptables-save EMFILE');
    const look = async (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        const { checks } = one.figures();
        // Five attempts, with pauses between them.
        await vi.waitFor(async () => {
          await vi.advanceTimersByTimeAsync(100);
          expect(one.figures().checks).toBeGreaterThan(checks);
        });
      }
      await vi.advanceTimersByTimeAsync(1_500);
    };
    firewall.failing = (what) => (what === 'save' ? starved : undefined);
    await look(8);
    expect(lost).not.toHaveBeenCalled();
    firewall.failing = () => undefined;
    await look(1);
    check.mockImplementation(() => {
      throw new LockdownError('cannot set', { cause: Object.assign(new Error(), { code: 'EMFILE' }) });
    });
    await look(8);
    expect(lost).not.toHaveBeenCalled();
    await look(2);
    expect(lost).toHaveBeenCalledOnce();
  });

  it('of which rules are seen to be missing is lost where nothing is left to put them back with', async () => {
    const one = lockdown();
    await one.ensure();
    const lost = vi.fn();
    using _ = one.watch(lost);
    rules('filter', 'INPUT')?.splice(0);
    firewall.failing = (what) =>
      what === 'restore' ? new FirewallError('starved', 'spawn iptables-restore EMFILE') : undefined;
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(100);
      expect(lost).toHaveBeenCalledOnce();
    });
  });

  describe('of which one family cannot be looked at', () => {
    const starve = (starved: 4 | 6) => {
      firewall.failing = (what, _, family) =>
        what === 'save' && family === starved ? new FirewallError('starved', 'spawn EMFILE') : undefined;
    };
    /** Timers of the watch are virtual, pauses between attempts are not. */
    const until = (seen: () => void) =>
      vi.waitFor(async () => {
        await vi.advanceTimersByTimeAsync(100);
        seen();
      });

    it.each([
      [4, 6],
      [6, 4],
    ] as const)('IPv%i: what is missing of IPv%i is put back, and it is lost', async (starved, flushed) => {
      const one = lockdown();
      await one.ensure();
      const lost = vi.fn();
      using _ = one.watch(lost);
      rules('filter', 'INPUT', flushed)?.splice(0);
      starve(starved);
      await until(() => expect(lost).toHaveBeenCalledOnce());
      expect(rules('filter', 'INPUT', flushed)).toEqual(['-i jg-+ -j JOBGATE-INPUT']);
    });

    it('is not lost for now where the other stands', async () => {
      const one = lockdown();
      await one.ensure();
      const { checks } = one.figures();
      const lost = vi.fn();
      using _ = one.watch(lost);
      starve(6);
      await until(() => expect(one.figures().checks).toBeGreaterThan(checks + 2));
      expect(lost).not.toHaveBeenCalled();
    });
  });

  it('tells only the watcher whose own check fails', async () => {
    const one = lockdown();
    await one.ensure();
    const [a, b] = [vi.fn(), vi.fn()];
    using _a = one.watch(a, () => {
      throw new LockdownError('IPv6 is on');
    });
    using _b = one.watch(b, () => {});
    await vi.advanceTimersByTimeAsync(2_000);
    await vi.waitFor(() => expect(a).toHaveBeenCalledOnce());
    expect(b).not.toHaveBeenCalled();
  });

  it('goes on with one timer when its watchers change while it checks', async () => {
    const one = lockdown();
    await one.ensure();
    const first = one.watch(vi.fn());
    let second: Disposable | undefined;
    firewall.failing = () => {
      firewall.failing = () => undefined;
      first[Symbol.dispose]();
      second = one.watch(vi.fn());
      return undefined;
    };
    await turn(one);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    second?.[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends with its last watcher', async () => {
    const one = lockdown();
    await one.ensure();
    expect(one.isWatched).toBe(false);
    const watch = one.watch(vi.fn());
    expect(one.isWatched).toBe(true);
    await turn(one);
    watch[Symbol.dispose]();
    expect(one.isWatched).toBe(false);
    const { checks } = one.figures();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(one.figures().checks).toBe(checks);
    expect(vi.getTimerCount()).toBe(0);
  });
});
