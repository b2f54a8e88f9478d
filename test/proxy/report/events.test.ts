import { describe, expect, test } from 'vitest';
import type { DecisionEvent, ProxyEvent } from '../../../proxy/report/events.js';
import { HostCounts, MAX_HOSTS } from '../../../proxy/report/figures.js';
import { FloodGuard } from '../../../proxy/report/flood.js';
import { helloFor } from '../../support/client-hello.js';
import { startEchoOrigin, startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';
import { VirtualClock } from '../../support/virtual-clock.js';

function denial(host: string, port = 443): DecisionEvent {
  return {
    v: 1,
    type: 'decision',
    time: 0,
    job: 'j',
    connection: 1,
    how: 'proxy',
    client: '127.0.0.1',
    method: 'CONNECT',
    host,
    port,
    decision: 'deny',
    reason: 'domain-not-allowed',
    ms: 0,
  };
}

describe('events', () => {
  test('tell of a request its decision and its end, with all the bytes of the connection', async () => {
    await using origin = await startEchoOrigin();
    await using proxy = await startProxy({ execution: 'e-1' });
    const request = `GET http://allowed.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const answer = await RawClient.exchange(proxy.port, request);
    const closed = await proxy.closed();
    const common = {
      v: 1,
      job: 'job-1',
      execution: 'e-1',
      connection: 1,
      method: 'GET',
      host: 'allowed.test',
      port: origin.port,
    };
    expect(proxy.decisions).toEqual([
      {
        ...common,
        type: 'decision',
        time: expect.any(Number),
        decision: 'allow',
        reason: 'allowed',
        address: '127.0.0.1',
        how: 'proxy',
        client: '127.0.0.1',
        ms: expect.any(Number),
      },
    ]);
    expect(closed).toEqual({
      ...common,
      type: 'closed',
      kind: 'request',
      time: expect.any(Number),
      up: request.length,
      down: answer.length,
      reason: 'end',
      ms: expect.any(Number),
    });
    await expect.poll(() => proxy.proxy.figures().connections).toBe(0);
    expect(proxy.proxy.figures()).toEqual({
      up: request.length,
      down: answer.length,
      connections: 0,
      tunnels: 0,
      requests: 0,
      allowed: 1,
      denied: 0,
      throttledMs: { up: 0, down: 0 },
      hosts: [{ host: 'allowed.test', port: origin.port, allowed: 1, denied: {} }],
    });
  });

  test('are plain values that survive JSON', async () => {
    await using proxy = await startProxy();
    await RawClient.exchange(proxy.port, 'CONNECT denied.test:443 HTTP/1.1\r\n\r\n');
    expect(JSON.parse(JSON.stringify(proxy.events))).toEqual(proxy.events);
  });

  test('never carry what a job wrote beyond printable ASCII, and not much of it', async () => {
    const lines: [object, string][] = [];
    const log = (fields: object, message: string) => void lines.push([fields, message]);
    await using proxy = await startProxy({ logger: { debug: log, info: log, warn: log, error: log } });
    const hostile = [
      `CONNECT x';--&%0d%0a:443 HTTP/1.1\r\n\r\n`,
      `GET http://x\x7f/ HTTP/1.1\r\nHost: x\r\n\r\n`,
      `CONNECT ${'x'.repeat(5_000)}:443 HTTP/1.1\r\n\r\n`,
    ];
    for (const request of hostile) await RawClient.exchange(proxy.port, request);
    expect(proxy.denials).toEqual(['malformed-target', 'malformed-request', 'malformed-target']);
    for (const { host } of proxy.decisions) expect(host).toMatch(/^[!-~]{0,128}$/);
    expect(lines.map(([, message]) => message)).toEqual([
      'denied: malformed-target',
      'denied: malformed-request',
      'denied: malformed-target',
    ]);
  });

  test.each([
    'GET http://user:secret@allowed.test/?token=secret HTTP/1.1',
    'GET https://allowed.test/?token=secret HTTP/1.1',
    'GET /?token=secret HTTP/1.1',
    'CONNECT user:secret@allowed.test:443 HTTP/1.1',
  ])('of a malformed target have neither query nor credentials: %s', async (line) => {
    await using proxy = await startProxy();
    await RawClient.exchange(proxy.port, `${line}\r\nHost: x\r\n\r\n`);
    expect(JSON.stringify(proxy.events)).not.toContain('secret');
    expect(proxy.denials).toHaveLength(1);
  });

  test('go on when a listener throws', async () => {
    const errors: string[] = [];
    const none = () => {};
    const logger = {
      debug: none,
      info: none,
      warn: none,
      error: (_: object, message: string) => void errors.push(message),
    };
    await using proxy = await startProxy({ logger });
    Object.defineProperty(proxy.events, 'push', {
      value: () => {
        throw new Error('full');
      },
    });
    const answer = await RawClient.exchange(proxy.port, 'CONNECT denied.test:443 HTTP/1.1\r\n\r\n');
    expect(answer).toContain('domain-not-allowed');
    expect(errors).toEqual(['a listener of proxy events failed']);
  });
});

describe('figures', () => {
  test('count open tunnels and their bytes while they are open', async () => {
    await using origin = await startTcpOrigin((socket) => void socket.pipe(socket));
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`] });
    await using client = await RawClient.connect(proxy.port);
    const hello = helloFor('allowed.test');
    const head = await client.connectTo(`allowed.test:${origin.port}`, hello);
    await client.untilBytes(hello.length);
    expect(proxy.proxy.figures()).toMatchObject({
      connections: 1,
      tunnels: 1,
      requests: 0,
      down: head.length + hello.length,
    });
  });

  test('have a line for each of the first 500 hosts, and one for all others', () => {
    const counts = new HostCounts();
    for (let i = 0; i < 2_000; i++) counts.count(denial(`h${i}.test`));
    counts.count(denial('h0.test'));
    const list = counts.list();
    expect(list).toHaveLength(MAX_HOSTS + 1);
    expect(list[0]).toEqual({ host: 'h0.test', port: 443, allowed: 0, denied: { 'domain-not-allowed': 2 } });
    expect(list.at(-1)).toEqual({
      host: 'other',
      port: 0,
      allowed: 0,
      denied: { 'domain-not-allowed': 1_500 },
    });
    expect(counts.denied).toBe(2_001);
  });
});

describe('a flood of denials', () => {
  function guarded() {
    const clock = new VirtualClock();
    const seen: ProxyEvent[] = [];
    const guard = new FloodGuard((event) => void seen.push(event), clock);
    return { clock, seen, guard };
  }

  test('of one kind becomes one event with a count, once a second', () => {
    const { clock, seen, guard } = guarded();
    for (let i = 0; i < 1_000; i++) guard.push(denial('a.test'));
    const singles = seen.length;
    expect(singles).toBeLessThan(10);
    clock.advance(1_000);
    expect(seen).toHaveLength(singles + 1);
    expect(seen.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(1_000);
    clock.advance(60_000);
    expect(seen).toHaveLength(singles + 1);
    expect(clock.pending).toBe(0);
  });

  test('of what is allowed and ends as well, beyond a rate that a person could read; bytes add up', () => {
    const { clock, seen, guard } = guarded();
    const { decision, status, client, ...base } = denial('a.test');
    for (let i = 0; i < 1_000; i++) {
      guard.push({ ...denial('a.test'), decision: 'allow', reason: 'allowed' });
      guard.push({ ...base, type: 'closed', kind: 'request', reason: 'end', up: 1, down: 10 });
    }
    expect(seen).toHaveLength(200);
    clock.advance(1_000);
    expect(seen).toHaveLength(202);
    for (const type of ['decision', 'closed'])
      expect(seen.filter((event) => event.type === type).reduce((sum, { count = 1 }) => sum + count, 0)).toBe(
        1_000,
      );
    const ends = seen.filter((event) => event.type === 'closed');
    expect(ends.reduce((sum, { down }) => sum + down, 0)).toBe(10_000);
  });

  test('leaves other kinds and allowed ones alone', () => {
    const { seen, guard } = guarded();
    for (let i = 0; i < 100; i++) guard.push(denial('a.test'));
    const before = seen.length;
    guard.push(denial('b.test'));
    guard.push({ ...denial('a.test'), decision: 'allow', reason: 'allowed' });
    expect(seen).toHaveLength(before + 2);
  });

  test('of a million distinct names is bounded too', () => {
    const { clock, seen, guard } = guarded();
    for (let i = 0; i < 100_000; i++) guard.push(denial(`h${i}.test`));
    clock.advance(1_000);
    expect(seen.length).toBeLessThan(510);
    expect(seen.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(100_000);
    expect(seen.at(-1)).toMatchObject({ host: 'other', port: 0 });
  });

  test('is told before the proxy is closed', async () => {
    await using proxy = await startProxy();
    for (let i = 0; i < 20; i++)
      await RawClient.exchange(proxy.port, 'CONNECT denied.test:443 HTTP/1.1\r\n\r\n');
    await proxy.proxy.close();
    expect(proxy.decisions.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(20);
    expect(proxy.decisions.length).toBeLessThan(20);
  });
});
