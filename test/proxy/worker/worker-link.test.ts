import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { destinationCaps } from '../../../proxy/dial/destination-caps.js';
import { DEFAULT_OPERATOR_POLICY } from '../../../proxy/policy/policy.js';
import { RemoteProxy } from '../../../proxy/worker/remote-proxy.js';
import { WorkerLink } from '../../../proxy/worker/worker-link.js';
import { Cleanup } from '../../support/cleanup.js';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup[Symbol.asyncDispose]();
  cleanup = new Cleanup();
});

/** A proxy in a worker that says what a test says, and reads nothing by itself. */
async function start() {
  const stdin = new PassThrough();
  const kill = vi.fn();
  const onStuck = vi.fn();
  const link = new WorkerLink(stdin, kill);
  const policy = { job: { job: 'job-1', allow: ['a.test'], rate: null }, operator: DEFAULT_OPERATOR_POLICY };
  const proxy = new RemoteProxy(policy, { place: async () => ({ link }), onStuck });
  cleanup.add(() => void proxy.fail(new Error('the test is over')));
  const listening = proxy.listen({ host: '127.0.0.1', port: 0, clients: [] });
  const [opened] = await once(stdin, 'data');
  stdin.pause();
  stdin.removeAllListeners('data');
  const { id } = JSON.parse(String(opened));
  const say = (...said: object[]) => {
    const lines = said.map((one) => `${JSON.stringify({ id, ...one })}\n`);
    if (!link.stdout.destroyed) link.stdout.write(lines.join(''));
  };
  say({ is: 'ready', host: '127.0.0.1', port: 1 });
  await listening;
  return { proxy, stdin, kill, onStuck, say };
}

const lease = (destination: string, count = 1) => ({ is: 'lease', destination, count });

describe('a worker that asks for leave to connect', () => {
  it('is answered', async () => {
    const { stdin, kill, say } = await start();
    say(lease('192.0.2.1'));
    const [answer] = await once(stdin.resume(), 'data');
    expect(JSON.parse(String(answer))).toMatchObject({ do: 'leased', destination: '192.0.2.1', count: 1 });
    expect(kill).not.toHaveBeenCalled();
  });

  it('and never reads an answer is ended before they pile up', async () => {
    const { stdin, kill, say } = await start();
    const name = `${'a'.repeat(240)}.test`;
    for (let i = 0; i < 1_000 && kill.mock.calls.length === 0; i++) {
      say(...Array(1_000).fill(lease(name)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(kill).toHaveBeenCalled();
    expect(stdin.writableLength + stdin.readableLength).toBeLessThan(80 << 20);
  });

  it.each([
    ['for none', lease('192.0.2.1', 0)],
    ['for a part of one', lease('192.0.2.1', 0.5)],
    ['for what is no destination', lease('a'.repeat(254))],
  ])('and asks %s is ended', async (_, said) => {
    const { kill, say } = await start();
    const { size } = destinationCaps;
    say(said);
    await expect.poll(() => kill.mock.calls.length).toBe(1);
    expect(destinationCaps.size).toBe(size);
  });
});

describe('a worker that is told of a changed policy', () => {
  it('is waited for until it says that this one holds', async () => {
    const { proxy, stdin, say } = await start();
    const [first, second] = [proxy.change({ allow: [] }), proxy.change({ deny: ['b.test'], rate: 8_000 })];
    const settled = vi.fn();
    void second.then(settled);
    const told: string[] = [];
    stdin.on('data', (line) => told.push(String(line))).resume();
    await expect.poll(() => told).toHaveLength(2);
    expect(told.map((line) => JSON.parse(line))).toMatchObject([
      { do: 'change', number: 1, change: { allow: [] } },
      { do: 'change', number: 2, change: { deny: ['b.test'], rate: 8_000 } },
    ]);
    say({ is: 'changed', number: 1, cut: 3 }, { is: 'changed', number: 7, cut: 5 });
    expect(await first).toEqual({ cut: 3 });
    expect(settled).not.toHaveBeenCalled();
    say({ is: 'changed', number: 2, cut: 0 });
    expect(await second).toEqual({ cut: 0 });
  });

  it('and does not say so is ended, and what it had let through with it', async () => {
    const { proxy, onStuck, say } = await start();
    say({
      is: 'figures',
      figures: {
        ...{ up: 0, down: 0, connections: 4, tunnels: 2, requests: 0, allowed: 2, denied: 0 },
        ...{ throttledMs: { up: 0, down: 0 }, hosts: [] },
      },
    });
    await expect.poll(() => proxy.figures().connections).toBe(4);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    cleanup.add(() => void vi.useRealTimers());
    const changing = proxy.change({ allow: [] });
    vi.advanceTimersByTime(4_999);
    expect(onStuck).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onStuck).toHaveBeenCalledWith(proxy, 'it does not change the policy of a gateway');
    expect(proxy.lostWorker()).toBe(true);
    expect(await changing).toEqual({ cut: 4 });
  });
});
