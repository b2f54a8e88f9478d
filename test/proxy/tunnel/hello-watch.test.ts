import { createHash } from 'node:crypto';
import type net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { parseConnectTarget } from '../../../proxy/policy/authority.js';
import { HelloWatch } from '../../../proxy/tunnel/hello-watch.js';
import { createCa } from '../../support/ca.js';
import { helloFor, helloMessage, record, records, serverNames } from '../../support/client-hello.js';
import { growth } from '../../support/growth.js';
import { startTcpOrigin } from '../../support/origin.js';
import { startProxy } from '../../support/proxy.js';
import { RawClient } from '../../support/raw-client.js';

const RETRY = createHash('sha256').update('HelloRetryRequest').digest();
const CHANGE_CIPHER_SPEC = record(Buffer.from([1]), 20);
const WARNING = record(Buffer.from([1, 112]), 21);
const EARLY_DATA = record(Buffer.alloc(300, 9), 23);

/** A ServerHello message; with the random of a retry it asks for another ClientHello. */
function serverHello(random: Buffer = Buffer.alloc(32, 5)): Buffer {
  const body = Buffer.concat([Buffer.from([3, 3]), random, Buffer.from([0, 0x13, 0x01, 0, 0, 0])]);
  return Buffer.concat([Buffer.from([2, 0, 0, body.length]), body]);
}

function watch(host = 'allowed.test') {
  const parsed = parseConnectTarget(`${host}:443`);
  if (!parsed.ok) throw new Error(parsed.problem);
  const denials: string[] = [];
  const it = new HelloWatch(parsed.value, (reason) => denials.push(reason));
  const feed = (pass: (chunk: Buffer) => Buffer, bytes: Buffer, size: number) => {
    const passed: Buffer[] = [];
    for (let at = 0; at < bytes.length && denials.length === 0; at += size) {
      passed.push(pass(bytes.subarray(at, at + size)));
    }
    return Buffer.concat(passed);
  };
  return {
    it,
    denials,
    up: (bytes: Buffer, size = bytes.length) => feed((chunk) => it.up(chunk), bytes, size),
    down: (bytes: Buffer, size = bytes.length) => feed((chunk) => it.down(chunk), bytes, size),
  };
}

const SIZES = [1, 2, 3, 5, 7, 50, 10_000];

describe('behind the first ClientHello', () => {
  const good = helloFor('allowed.test');
  const evil = helloFor('other.test');
  const spread = records(helloMessage({ serverName: serverNames([0, 'other.test']) }), 3);

  test.each(SIZES)('a second one for the same host passes with all around it, in pieces of %i', (size) => {
    const { it, denials, up, down } = watch();
    expect(down(record(serverHello(RETRY)), size).length).toBeGreaterThan(0);
    const sent = Buffer.concat([CHANGE_CIPHER_SPEC, EARLY_DATA, good, EARLY_DATA]);
    expect(up(sent, size)).toEqual(sent);
    expect([it.over, denials]).toEqual([false, []]);
    down(record(serverHello()), size);
    expect(it.over).toBe(true);
  });

  test.each([
    ['at once', Buffer.alloc(0)],
    ['behind a ChangeCipherSpec', CHANGE_CIPHER_SPEC],
    ['behind early data', Buffer.concat([CHANGE_CIPHER_SPEC, EARLY_DATA, EARLY_DATA])],
    ['behind a warning', WARNING],
    ['behind a record of no type', record(Buffer.alloc(10), 99)],
    ['behind an empty record', record(Buffer.alloc(0), 23)],
    ['behind one that is right', good],
  ])('one for another host never passes: %s', (_, before) => {
    for (const asked of [true, false]) {
      for (const hello of [evil, spread]) {
        for (const size of SIZES) {
          const { denials, up, down } = watch();
          if (asked) down(record(serverHello(RETRY)));
          const passed = up(Buffer.concat([before, hello, EARLY_DATA]), size);
          expect(passed).toEqual(before.subarray(0, passed.length));
          expect(denials).toEqual(['tls-other-name']);
        }
      }
    }
  });

  test.each([
    ['none at all', record(helloMessage({})), 'tls-no-name'],
    [
      'two hosts',
      record(helloMessage({ serverName: serverNames([0, 'allowed.test'], [0, 'x.test']) })),
      'tls-malformed',
    ],
    ['another message', record(Buffer.from([11, 0, 0, 0])), 'tls-malformed'],
    ['an empty record', record(Buffer.alloc(0)), 'tls-malformed'],
  ])('what names %s does not pass', (_, hello, reason) => {
    const { denials, up } = watch();
    expect([up(hello).length, denials]).toEqual([0, [reason]]);
  });

  test('for an address, one that names nobody passes, and one with a name does not', () => {
    const nameless = record(helloMessage({}));
    expect(watch('192.0.2.1').up(nameless)).toEqual(nameless);
    expect(watch('192.0.2.1').up(good).length).toBe(0);
  });

  test.each([
    [
      'another message of the handshake',
      record(Buffer.concat([Buffer.from([11, 0, 0, 96]), Buffer.alloc(96)])),
    ],
    ['a ServerHello that asks for another ClientHello', record(serverHello(RETRY))],
    ['one in a record that is too short for it', records(serverHello(), 37).subarray(0, 42)],
    ['a warning', WARNING],
  ])('it goes on looking behind %s', (_, answer) => {
    for (const size of SIZES) {
      const { it, denials, up, down } = watch();
      expect(down(answer, size)).toEqual(answer);
      expect(it.over).toBe(false);
      up(evil);
      expect(denials).toEqual(['tls-other-name']);
    }
  });

  test('it looks no further than the ServerHello, however that arrives', () => {
    const answers = [
      record(serverHello()),
      records(serverHello(), 1),
      Buffer.concat([WARNING, record(serverHello())]),
      Buffer.concat([record(serverHello(RETRY)), CHANGE_CIPHER_SPEC, records(serverHello(), 20)]),
      record(Buffer.concat([serverHello(RETRY), serverHello()])),
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    ];
    for (const answer of answers) {
      for (const size of SIZES) {
        const { it, denials, up, down } = watch();
        expect(down(answer, size)).toEqual(answer);
        expect(it.over).toBe(true);
        // Encrypted from here on: a type that says handshake, and bytes that say nothing.
        expect(up(evil)).toEqual(evil);
        expect(denials).toEqual([]);
      }
    }
  });

  test('it goes on looking behind a retry, and behind what is no answer', () => {
    for (const answer of [record(serverHello(RETRY)), WARNING, record(serverHello()).subarray(0, 42)]) {
      const { it, down } = watch();
      down(answer);
      expect(it.over).toBe(false);
    }
  });

  test('half of one when the ServerHello comes is of no client', () => {
    const { denials, up, down } = watch();
    expect(up(good.subarray(0, 40)).length).toBe(0);
    down(record(serverHello()));
    expect(denials).toEqual(['tls-malformed']);
  });

  test('what is not TLS is not held up', () => {
    const { it, up } = watch();
    const bytes = Buffer.from('hello');
    expect([up(bytes), it.over]).toEqual([bytes, true]);
  });

  test('takes time in proportion to what is sent, in the smallest records and pieces', async () => {
    const many = (records: number) => Buffer.concat(Array<Buffer>(records).fill(CHANGE_CIPHER_SPEC));
    const hello = (size: number) =>
      records(
        helloMessage({ serverName: serverNames([0, 'allowed.test']), extensions: [[9, Buffer.alloc(size)]] }),
        1,
      );
    const said = (records: number) => Buffer.concat(Array<Buffer>(records).fill(WARNING));
    const watching = (way: 'up' | 'down', make: (size: number) => Buffer) => (size: number) => {
      const bytes = make(size);
      return () => watch()[way](bytes, 1);
    };
    expect(await growth(watching('up', many), 50, 1_000)).toBeLessThan(100);
    expect(await growth(watching('up', hello), 100, 2_000)).toBeLessThan(100);
    expect(await growth(watching('down', said), 50, 1_000)).toBeLessThan(100);
  });
});

/** A client's way to a server, that changes what the client says. */
function through(socket: net.Socket, change: (chunk: Buffer) => Buffer): Duplex {
  const duplex = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _, done) => void socket.write(change(chunk), () => done()),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk) => duplex.push(chunk));
  socket.on('end', () => duplex.push(null));
  socket.on('error', () => duplex.destroy());
  socket.on('close', () => duplex.destroy());
  return duplex;
}

describe.each([
  ['unlimited', null],
  ['throttled', 1_000_000_000],
])('a server that asks for a second ClientHello, %s', (_, rate) => {
  /** The names that the server was told, the ClientHellos that the client sent, and what came of it. */
  async function handshake(change: (hello: Buffer, which: number) => Buffer) {
    const ca = await createCa();
    const contexts = tls.createSecureContext(await ca.issue(['allowed.test', 'alloxed.test']));
    const told: string[] = [];
    const secure = tls.createServer({
      ecdhCurve: 'P-521',
      SNICallback: (name, done) => {
        told.push(name);
        done(null, contexts);
      },
    });
    secure.on('tlsClientError', () => {});
    secure.on('secureConnection', (socket) => void socket.end('hello'));
    await using origin = await startTcpOrigin((socket) => void secure.emit('connection', socket));
    await using proxy = await startProxy({ allow: [`allowed.test:${origin.port}`], rate });
    await using raw = await RawClient.connect(proxy.port);
    await raw.connectTo(`allowed.test:${origin.port}`);
    let hellos = 0;
    const socket = through(raw.socket, (chunk) => {
      // Behind a ChangeCipherSpec, if there is one.
      const at = chunk[0] === 20 ? CHANGE_CIPHER_SPEC.length : 0;
      return chunk[at] === 22 && chunk[at + 5] === 1 ? change(chunk, ++hellos) : chunk;
    });
    const client = tls.connect({ socket, servername: 'allowed.test', ca: ca.pem, ecdhCurve: 'X25519:P-521' });
    let text = '';
    await new Promise<void>((resolve) => {
      client.on('data', (chunk) => {
        text += chunk;
      });
      client.on('error', () => {});
      client.on('end', () => resolve());
      client.on('close', () => resolve());
    });
    client.destroy();
    return { told: new Set(told), hellos, text, denials: proxy.denials };
  }

  test('gets one for the same host', async () => {
    expect(await handshake((hello) => hello)).toEqual({
      told: new Set(['allowed.test']),
      hellos: 2,
      text: 'hello',
      denials: [],
    });
  });

  test('is told of no other host by it', async () => {
    const evil = (hello: Buffer, which: number) =>
      which === 1
        ? hello
        : Buffer.from(hello.toString('latin1').replace('allowed.test', 'alloxed.test'), 'latin1');
    expect(await handshake(evil)).toEqual({
      told: new Set(['allowed.test']),
      hellos: 2,
      text: '',
      denials: ['tls-other-name'],
    });
  });

  test('gets none that comes right behind the first, unasked', async () => {
    let seen = Buffer.alloc(0);
    await using origin = await startTcpOrigin((socket) => {
      socket.on('data', (chunk) => {
        seen = Buffer.concat([seen, chunk]);
      });
    });
    const authority = `allowed.test:${origin.port}`;
    await using proxy = await startProxy({ allow: [authority], rate });
    const first = helloFor('allowed.test');
    const second = Buffer.concat([CHANGE_CIPHER_SPEC, helloFor('other.test')]);
    for (const pieces of [[Buffer.concat([first, second])], [first, second]]) {
      await using client = await RawClient.connect(proxy.port);
      await client.connectTo(authority, pieces[0]);
      for (const piece of pieces.slice(1)) client.send(piece);
      await client.untilEnd();
    }
    expect(proxy.denials).toEqual(['tls-other-name', 'tls-other-name']);
    expect(seen.includes('other.test')).toBe(false);
    await using client = await RawClient.connect(proxy.port);
    await client.connectTo(authority, Buffer.concat([first, CHANGE_CIPHER_SPEC, first, EARLY_DATA]));
    const whole = 2 * first.length + CHANGE_CIPHER_SPEC.length + EARLY_DATA.length;
    const before = seen.length;
    await expect.poll(() => seen.length >= whole).toBe(true);
    expect(before).toBeLessThanOrEqual(seen.length);
  });
});
