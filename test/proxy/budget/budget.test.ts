import { describe, expect, test } from 'vitest';
import { helloFor } from '../../support/client-hello.js';
import { startFlood } from '../../support/flood.js';
import { startOrigin } from '../../support/origin.js';
import { startProxy, type TestProxy } from '../../support/proxy.js';
import { denialOf, RawClient } from '../../support/raw-client.js';

const HOSTS = [
  ['one.test', '127.0.0.1'],
  ['two.test', '127.0.0.1'],
] as const;

async function tunnelTo(proxy: TestProxy, host: string, port: number): Promise<RawClient> {
  const client = await RawClient.connect(proxy.port);
  await client.connectTo(`${host}:${port}`, helloFor(host));
  return client;
}

const both = (port: number) => [`one.test:${port}`, `two.test:${port}`];
const rates = [100_000_000, null] as const;

describe.each(rates)('at %s bit/s', (rate) => {
  test('a download ends when the budget is used up: no byte more, a denial that says so, 429 for what comes', async () => {
    await using origin = await startFlood();
    const { port } = origin;
    await using proxy = await startProxy({
      ...{ addHosts: HOSTS, allow: both(port), rate, budget: { down: 2_000_000 } },
    });
    await using client = await tunnelTo(proxy, 'one.test', port);
    await client.untilEnd();
    const { down } = proxy.proxy.figures();
    expect(down).toBeLessThanOrEqual(2_000_000);
    expect(down).toBeGreaterThan(1_900_000);
    expect(client.bytes.length).toBeLessThanOrEqual(down);
    expect(await proxy.closed()).toMatchObject({ host: 'one.test', reason: 'budget-used-up' });
    expect(proxy.denials).toEqual(['budget-used-up']);

    const answer = await RawClient.exchange(proxy.port, `CONNECT two.test:${port} HTTP/1.1\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 429 .*\r\nX-Jobgate-Deny: budget-used-up\r\n/);
    expect(answer).toContain('Retry-After: 3600');
    expect(denialOf(answer)).toBe('budget-used-up');
    expect(answer).toContain('"host":"two.test"');
    // What is not allowed at all is told as ever.
    const other = await RawClient.exchange(proxy.port, 'CONNECT other.test:443 HTTP/1.1\r\n\r\n');
    expect(denialOf(other)).toBe('domain-not-allowed');
  });

  test('an upload ends likewise, at what the origin counted', async () => {
    await using origin = await startFlood();
    const { port } = origin;
    await using proxy = await startProxy({
      ...{ addHosts: HOSTS, allow: both(port), rate, budget: { up: 1_000_000 } },
    });
    await using client = await tunnelTo(proxy, 'one.test', port);
    void client.sendPieces(Buffer.alloc(3_000_000), 16_384);
    await proxy.closed();
    expect(origin.counts.up).toBeLessThanOrEqual(1_000_000);
    expect(origin.counts.up).toBeGreaterThan(500_000);
  });

  test('a host has its own, which leaves the others alone', async () => {
    await using origin = await startFlood();
    const { port } = origin;
    await using proxy = await startProxy({
      ...{ addHosts: HOSTS, allow: both(port), rate, budget: { hostDown: 500_000 } },
    });
    await using first = await tunnelTo(proxy, 'one.test', port);
    await first.untilEnd();
    expect(first.bytes.length).toBeLessThanOrEqual(500_000);
    expect(first.bytes.length).toBeGreaterThan(400_000);
    const answer = await RawClient.exchange(proxy.port, `CONNECT one.test:${port} HTTP/1.1\r\n\r\n`);
    expect(denialOf(answer)).toBe('budget-used-up');
    await using other = await tunnelTo(proxy, 'two.test', port);
    await other.untilBytes(300_000);
    expect(other.bytes.length).toBeGreaterThanOrEqual(300_000);
  });
});

test('a bound of hosts that comes while a tunnel is open holds for that tunnel', async () => {
  await using origin = await startFlood();
  const { port } = origin;
  await using proxy = await startProxy({
    ...{ addHosts: HOSTS, allow: both(port), rate: 20_000_000, budget: null },
  });
  await using client = await tunnelTo(proxy, 'one.test', port);
  await client.untilBytes(200_000);
  await proxy.proxy.change({ budget: { hostDown: 400_000 } });
  const before = client.bytes.length;
  await client.untilEnd();
  expect(client.bytes.length - before).toBeLessThan(1_000_000);
  expect(proxy.denials).toContain('budget-used-up');
});

test('plain requests on one connection count each for its own host, heads included', async () => {
  let asked = 0;
  await using origin = await startOrigin((request, response) => {
    asked++;
    request.resume();
    request.on('end', () => response.end('x'));
  });
  const { port } = origin;
  await using proxy = await startProxy({ addHosts: HOSTS, allow: both(port), budget: { hostUp: 100_000 } });
  await using client = await RawClient.connect(proxy.port);
  const ask = async (host: string) => {
    const before = client.text.length;
    const authority = `${host}:${port}`;
    client.send(
      `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\nX: ${'x'.repeat(15_000)}\r\n\r\n`,
    );
    await expect.poll(() => client.text.length > before && client.text.endsWith('x')).toBe(true);
    return client.text.slice(before + 9, before + 12);
  };
  const statuses: string[] = [];
  for (let i = 0; i < 6; i++) statuses.push(await ask('one.test'), await ask('two.test'));
  expect(statuses).toEqual(Array(12).fill('200'));
  // Both have about 10,000 bytes left: one head more is too many for either.
  client.send(
    `GET http://one.test:${port}/ HTTP/1.1\r\nHost: one.test:${port}\r\nX: ${'x'.repeat(15_000)}\r\n\r\n`,
  );
  await expect.poll(() => proxy.denials).toContain('budget-used-up');
  expect(asked).toBe(12);
  const answer = await RawClient.exchange(
    proxy.port,
    `GET http://one.test:${port}/ HTTP/1.1\r\nHost: one.test:${port}\r\nConnection: close\r\n\r\n`,
  );
  expect(denialOf(answer)).toBe('budget-used-up');
});

test('a budget that comes while the job runs cuts what it could not bound, and bounds all that follows', async () => {
  await using origin = await startFlood();
  const { port } = origin;
  await using proxy = await startProxy({ addHosts: HOSTS, allow: both(port) });
  await using before = await tunnelTo(proxy, 'one.test', port);
  await before.untilBytes(1_000_000);
  expect(await proxy.proxy.change({ budget: { down: 700_000 } })).toEqual({ cut: 1 });
  await before.untilEnd();
  await using client = await tunnelTo(proxy, 'one.test', port);
  await client.untilEnd();
  expect(client.bytes.length).toBeLessThanOrEqual(700_000);
  expect(client.bytes.length).toBeGreaterThan(600_000);
  // More of it opens what was closed.
  await proxy.proxy.change({ budget: { down: 1_400_000 } });
  await using again = await tunnelTo(proxy, 'one.test', port);
  await again.untilEnd();
  expect(again.bytes.length).toBeGreaterThan(500_000);
  await proxy.proxy.change({ budget: null });
  await using free = await tunnelTo(proxy, 'one.test', port);
  await free.untilBytes(5_000_000);
  expect(free.bytes.length).toBeGreaterThanOrEqual(5_000_000);
});

test.each([false, true])(
  "a head that is more than what is left with its host waits, and goes nowhere when its client leaves (Node's HTTP: %s)",
  async (nodeHttp) => {
    const asked: (string | undefined)[] = [];
    await using origin = await startOrigin(({ url }, response) => {
      asked.push(url);
      response.end('here');
    });
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], nodeHttp });
    const request = (path: string) =>
      `GET http://allowed.test:${origin.port}${path} HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(4_000)}\r\nConnection: close\r\n\r\n`;
    // The origin's connection is kept, and is there for the next one at once.
    expect(await RawClient.exchange(proxy.port, request('/first'))).toContain('here');
    await proxy.proxy.change({ budget: { hostUp: 100, slow: 8_000 } });
    const leaves = await RawClient.connect(proxy.port);
    leaves.send(request('/leaves'));
    await expect.poll(() => proxy.proxy.figures().requests).toBe(1);
    await leaves[Symbol.asyncDispose]();
    await expect.poll(() => proxy.proxy.figures().requests).toBe(0);
    await proxy.proxy.change({ budget: null });
    expect(await RawClient.exchange(proxy.port, request('/stays'))).toContain('here');
    expect([asked, proxy.denials]).toEqual([['/first', '/stays'], []]);
  },
);
