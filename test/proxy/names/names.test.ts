import dgram from 'node:dgram';
import { describe, expect, test } from 'vitest';
import { ConnectionRate } from '../../../proxy/accept/connection-rate.js';
import { Names } from '../../../proxy/names/names.js';
import { handleOf } from '../../../proxy/names/udp-names.js';
import { startDnsServer } from '../../support/dns-server.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';
import { askTcp, askUdp, prefixed, QTYPE, question, type Said } from '../../support/resolver.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const REFUSED = 3;

/** The same over UDP and TCP. */
async function ask(port: number, message: Buffer): Promise<Said> {
  const udp = await askUdp(port, message);
  const [tcp] = await askTcp(port, message);
  expect(tcp?.bytes).toEqual(udp?.bytes);
  return udp as Said;
}

describe('an allowed name is the gateway', () => {
  test.each([
    ['as it is in the list', 'exact.test'],
    ['in capitals', 'EXACT.tESt'],
    ['below a dot entry', 'a.b.dot.test'],
    ['the dot entry itself', 'dot.test'],
    ['allowed on a port of its own', 'port.test'],
    ['denied on one port only', 'half.test'],
  ])('%s', async (_, name) => {
    await using proxy = await startProxy({
      allow: ['exact.test', '.dot.test', 'port.test:8443', 'half.test'],
      deny: ['half.test:80'],
      direct: [],
    });
    const said = await ask(proxy.names, question(name, { edns: true }));
    expect(said).toMatchObject({ id: 4711, rcode: 0, authoritative: true, addresses: ['127.0.0.1'] });
    expect(said.ttl).toBeLessThanOrEqual(60);
    expect(proxy.decisions).toEqual([]);
  });

  test('to every type but A there is an empty answer, with the name that was asked for', async () => {
    await using proxy = await startProxy({ direct: [] });
    for (const type of [QTYPE.AAAA, QTYPE.HTTPS, QTYPE.SVCB, QTYPE.TXT, QTYPE.NS, QTYPE.SOA, 12_345]) {
      const message = question('aLLowed.test', { type });
      const said = await ask(proxy.names, message);
      expect(said).toMatchObject({ rcode: 0, authoritative: true, addresses: [] });
      expect(said.bytes.subarray(12)).toEqual(message.subarray(12));
    }
    expect((await ask(proxy.names, question('allowed.test', { type: QTYPE.ANY }))).addresses).toEqual([
      '127.0.0.1',
    ]);
  });

  test('while a job learns, so is what may be learned', async () => {
    await using proxy = await startProxy({ learn: true, learnWithin: ['.learn.test'], direct: [] });
    expect((await ask(proxy.names, question('a.learn.test'))).addresses).toEqual(['127.0.0.1']);
    expect((await ask(proxy.names, question('other.test'))).rcode).toBe(REFUSED);
  });
});

test('localhost is the job itself', async () => {
  await using proxy = await startProxy({ allow: [], direct: [] });
  expect((await ask(proxy.names, question('localhost'))).addresses).toEqual(['127.0.0.1']);
  expect((await ask(proxy.names, question('a.localhost', { type: QTYPE.AAAA }))).addresses).toEqual(['::1']);
});

describe('any other name is not there', () => {
  test.each([
    ['not in the list', 'evil.test'],
    ['that only looks like it', 'exact.test.evil.test'],
    ['that only ends like it', 'evilexact.test'],
    ['below an exact one', 'www.exact.test'],
    ['of one label', 'test'],
    ['of the root', ''],
    ['that is no name', 'exact.test\0.evil.test'],
    ['with a percent sign', 'exact%2etest'],
    ['that is an address of the list', '192.0.2.1'],
    ['denied by the operator', 'denied.test'],
  ])('%s', async (_, name) => {
    await using proxy = await startProxy({
      allow: ['exact.test', 'denied.test', '192.0.2.1'],
      deny: ['denied.test'],
      direct: [],
    });
    for (const type of Object.values(QTYPE).filter((one) => one < 200)) {
      expect(await ask(proxy.names, question(name, { type }))).toMatchObject({
        rcode: REFUSED,
        addresses: [],
      });
    }
  });

  test('with an extended error for people, and an event', async () => {
    await using proxy = await startProxy({ deny: ['denied.test'], allow: ['denied.test'], direct: [] });
    expect((await askUdp(proxy.names, question('evil.test')))?.extended).toBeUndefined();
    const said = await askUdp(proxy.names, question('Evil.test', { edns: true }));
    expect(said?.extended).toMatch(/^15 domain-not-allowed: /);
    expect((await askUdp(proxy.names, question('denied.test', { edns: true })))?.extended).toMatch(
      /^15 operator-denied/,
    );
    expect(proxy.decisions).toMatchObject([
      {
        how: 'dns',
        decision: 'deny',
        reason: 'domain-not-allowed',
        host: 'evil.test',
        port: 0,
        client: '127.0.0.1',
      },
      { reason: 'domain-not-allowed', host: 'evil.test' },
      { reason: 'operator-denied', host: 'denied.test' },
    ]);
  });

  test('of the two questions that resolvers have for a name one is told, and no reverse look-up', async () => {
    await using proxy = await startProxy({ direct: [] });
    for (const type of [QTYPE.A, QTYPE.AAAA, QTYPE.HTTPS])
      await askUdp(proxy.names, question('evil.test', { type }));
    await askUdp(proxy.names, question('1.2.0.192.in-addr.arpa', { type: QTYPE.PTR }));
    await askUdp(proxy.names, question('other.test', { type: QTYPE.AAAA }));
    expect(proxy.decisions.map(({ host }) => host)).toEqual(['evil.test', 'other.test']);
  });
});

test('no question is passed on: nothing is looked up, whatever is asked', async () => {
  await using dns = await startDnsServer({ records: { '*': ['127.0.0.1'] } });
  await using proxy = await startProxy({ dns: dns.address, addHosts: [], direct: [80] });
  for (const name of ['allowed.test', 'a.allowed.test', 'evil.test', 'x.'.repeat(60)]) {
    for (const type of Object.values(QTYPE)) await askUdp(proxy.names, question(name, { type }), 200);
  }
  expect(dns.queries).toEqual([]);
  // A connection does.
  await RawClient.exchange(proxy.direct(80), 'GET / HTTP/1.0\r\nHost: a.allowed.test\r\n\r\n');
  expect(dns.queries).toContain('a.allowed.test A');
});

describe('what is no question', () => {
  test('an answer is not answered: two servers would talk for ever', async () => {
    await using proxy = await startProxy({ direct: [] });
    expect(await askUdp(proxy.names, question('allowed.test', { flags: 0x8180 }), 300)).toBeUndefined();
    expect(await askUdp(proxy.names, question('allowed.test'))).toBeDefined();
  });

  test('what is none is told, and is no more than an error', async () => {
    await using proxy = await startProxy({ direct: [] });
    const [said] = await askTcp(proxy.names, Buffer.alloc(12));
    expect(said?.rcode).toBe(1);
    expect(proxy.denials).toEqual(['malformed-request']);
  });

  test('an answer is never much longer than the question', async () => {
    await using proxy = await startProxy({ direct: [] });
    for (const name of ['a.b', 'evil.test', 'allowed.test', 'x'.repeat(60)]) {
      for (const edns of [true, false]) {
        for (const type of Object.values(QTYPE)) {
          const message = question(name, { type, edns });
          const said = await askUdp(proxy.names, message, 500);
          expect(said?.bytes.length ?? 0).toBeLessThan(message.length + 64);
        }
      }
    }
  });

  test('who is none of the clients gets no answer', async () => {
    await using proxy = await startProxy({ clients: ['127.0.0.9/32'], direct: [] });
    expect(await askUdp(proxy.names, question('allowed.test'), 300)).toBeUndefined();
    expect(await askTcp(proxy.names, question('allowed.test'))).toEqual([]);
    proxy.proxy.setClients(['127.0.0.1/32']);
    expect(await askUdp(proxy.names, question('allowed.test'))).toBeDefined();
  });
});

describe('over TCP', () => {
  test('in pieces of a byte, and many at once, in their order', async () => {
    await using proxy = await startProxy({ direct: [] });
    await using client = await RawClient.connect(proxy.names);
    await client.sendPieces(prefixed(question('allowed.test')), 1);
    const length = prefixed(question('allowed.test')).length + 16;
    expect((await client.untilBytes(length)).length).toBe(length);
    const ids = Array.from({ length: 50 }, (_, id) => id);
    const said = await askTcp(proxy.names, ...ids.map((id) => question('allowed.test', { id })));
    expect(said.map(({ id }) => id)).toEqual(ids);
  });

  test('a length that no question has ends it, and so does one that never comes whole', async () => {
    await using proxy = await startProxy({ direct: [], limits: { headerTimeoutMs: 100 } });
    for (const bytes of [Buffer.from([0xff, 0xff]), Buffer.from([0, 30, 1, 2, 3]), Buffer.from([0, 0])]) {
      await using client = await RawClient.connect(proxy.names);
      client.send(bytes);
      await client.untilEnd();
      expect(client.bytes.length).toBe(0);
    }
  });
});

describe('a flood', () => {
  test('is answered up to a rate, and told', () => {
    const clock = new VirtualClock();
    const told: string[] = [];
    const names = new Names({
      decider: { mayName: () => 'allowed' },
      refuser: { unanswered: ({ how }, reason) => void told.push(`${how} ${reason}`) },
      rate: new ConnectionRate(1_000, clock),
      clock,
    });
    const ask = () => names.answer(question('allowed.test'), { client: '127.0.0.1', id: 0 });
    const answered = () => Array.from({ length: 3_000 }, ask).filter((answer) => answer !== 'late').length;
    expect(answered()).toBe(1_000);
    expect(new Set(told)).toEqual(new Set(['dns too-many-lookups']));
    clock.advance(500);
    expect(answered()).toBe(500);
  });

  test('is told in few events, and over soon', async () => {
    await using proxy = await startProxy({ direct: [] });
    const socket = dgram.createSocket('udp4');
    for (let i = 0; i < 10_000; i++) {
      socket.send(question(`x${i}.evil.test`), proxy.names, '127.0.0.1');
      if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    socket.close();
    await expect
      .poll(() => askUdp(proxy.names, question('allowed.test'), 300))
      .toMatchObject({ addresses: ['127.0.0.1'] });
    expect(proxy.events.length).toBeLessThan(2_000);
  });

  test('is not even read: Node has what that takes', async () => {
    const socket = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    expect(handleOf(socket)).toBeDefined();
    socket.close();
  });
});
