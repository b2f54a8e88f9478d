import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClientHello, ClientHelloReader, MAX_HELLO } from '../../../proxy/tunnel/client-hello.js';
import {
  type HelloParts,
  helloFor,
  helloMessage,
  realClientHello,
  record,
  records,
  serverNames,
  vector,
} from '../../support/client-hello.js';
import { growth } from '../../support/growth.js';

/** Reads the bytes in pieces of the given sizes (the last one repeats), until there is a verdict. */
function read(bytes: Buffer, sizes: readonly number[] = [bytes.length]): ClientHello {
  const reader = new ClientHelloReader();
  let last: ClientHello = { state: 'more' };
  for (let at = 0, n = 0; at < bytes.length && last.state === 'more'; n++) {
    const size = sizes[Math.min(n, sizes.length - 1)] || 1;
    last = reader.push(bytes.subarray(at, at + size));
    at += size;
  }
  return last;
}

describe('a ClientHello is read', () => {
  test('as real clients send it', async () => {
    expect(read(await realClientHello('www.example.test'))).toEqual({
      state: 'done',
      name: 'www.example.test',
    });
    expect(read(await realClientHello())).toEqual({ state: 'done', name: undefined });
  });

  test('split over segments of any size', async () => {
    const bytes = await realClientHello('www.example.test');
    for (let size = 1; size <= bytes.length; size++) {
      expect(read(bytes, [size])).toEqual({ state: 'done', name: 'www.example.test' });
    }
  });

  test('split over records of any size, in segments of any size', () => {
    const message = helloMessage({ serverName: serverNames([0, 'a.test']) });
    for (let size = 1; size <= message.length; size++) {
      for (const segment of [1, 2, 5, 7, 1000]) {
        expect(read(records(message, size), [segment])).toEqual({ state: 'done', name: 'a.test' });
      }
    }
  });

  test('with a name of 255 bytes and the key shares of post-quantum algorithms', () => {
    const name = `${'a'.repeat(251)}.com`;
    const message = helloMessage({
      serverName: serverNames([0, name]),
      extensions: [[51, Buffer.alloc(9_000)]],
    });
    expect(read(records(message, 4_000))).toEqual({ state: 'done', name });
  });

  test('without a session, and without extensions as TLS 1.0 may', () => {
    expect(read(record(helloMessage({ sessionId: Buffer.alloc(0) })))).toEqual({
      state: 'done',
      name: undefined,
    });
    const message = helloMessage({});
    const bare = Buffer.from(message.subarray(0, -2));
    bare.writeUInt16BE(bare.length - 4, 2);
    expect(read(record(bare))).toEqual({ state: 'done', name: undefined });
  });

  test('in the largest record', () => {
    const empty = helloMessage({ extensions: [[9, Buffer.alloc(0)]] });
    const largest = record(helloMessage({ extensions: [[9, Buffer.alloc(16_384 - empty.length)]] }));
    expect(read(largest)).toEqual({ state: 'done', name: undefined });
    expect(read(largest, [100])).toEqual({ state: 'done', name: undefined });
  });

  test('whatever follows its last record', () => {
    expect(read(Buffer.concat([helloFor('a.test'), Buffer.from('anything')]))).toEqual({
      state: 'done',
      name: 'a.test',
    });
  });
});

describe('a ClientHello is malformed', () => {
  const message = helloMessage({ serverName: serverNames([0, 'a.test']) });
  const hello = (parts: HelloParts) => record(helloMessage(parts));
  const empty = helloMessage({ extensions: [[9, Buffer.alloc(0)]] });
  const name = (data: Buffer) => hello({ serverName: data });

  test.each([
    ['with two host names', name(serverNames([0, 'a.test'], [0, 'b.test']))],
    ['with the same name twice', name(serverNames([0, 'a.test'], [0, 'a.test']))],
    ['with a second name of an unknown type', name(serverNames([0, 'a.test'], [1, 'b.test']))],
    ['with a name of an unknown type', name(serverNames([1, 'a.test']))],
    ['with an empty name', name(serverNames([0, '']))],
    ['with an empty list of names', name(serverNames())],
    [
      'with bytes behind the list of names',
      name(Buffer.concat([serverNames([0, 'a.test']), Buffer.from([0])])),
    ],
    ['with a list of names that is cut', name(serverNames([0, 'a.test']).subarray(0, -1))],
    [
      'with server_name twice',
      hello({ serverName: serverNames([0, 'a.test']), extensions: [[0, serverNames([0, 'b.test'])]] }),
    ],
    [
      'with any extension twice',
      hello({
        extensions: [
          [9, Buffer.alloc(0)],
          [9, Buffer.alloc(0)],
        ],
      }),
    ],
    ['with bytes behind its extensions', hello({ tail: Buffer.from([0]) })],
    ['with a session id over 32 bytes', hello({ sessionId: Buffer.alloc(33) })],
    ['without cipher suites', hello({ suites: Buffer.alloc(0) })],
    ['with half a cipher suite', hello({ suites: Buffer.alloc(3) })],
    ['without compression methods', hello({ compression: Buffer.alloc(0) })],
    ['with another message behind it in its record', record(Buffer.concat([message, Buffer.from([0])]))],
    ['with a second ClientHello behind it in its record', record(Buffer.concat([message, message]))],
    ['as a ServerHello', record(Buffer.concat([Buffer.from([2]), message.subarray(1)]))],
    [
      'with a record of another type in between',
      Buffer.concat([record(message.subarray(0, 50)), record(message.subarray(50), 23)]),
    ],
    [
      'with an empty record in between',
      Buffer.concat([record(message.subarray(0, 50)), record(Buffer.alloc(0)), record(message.subarray(50))]),
    ],
    [
      'in a record of a version that is none',
      Buffer.concat([Buffer.from([22, 2]), helloFor('a.test').subarray(2)]),
    ],
    ['in a record over 16 KiB', Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0x01]), message])],
    ['whole in a record over 16 KiB', hello({ extensions: [[9, Buffer.alloc(16_385 - empty.length)]] })],
    ['in a record of another type', record(message, 23)],
    ['with an extension that is cut', record(Buffer.concat([empty.subarray(0, -1), Buffer.from([1])]))],
    ['with a length over the limit', record(Buffer.from([1, 0x01, 0, 0, 3, 3]))],
    ['in SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1])],
  ])('%s', (_, bytes) => {
    expect(read(bytes).state).toBe('malformed');
    expect(read(bytes, [1]).state).toBe('malformed');
  });

  test('by its first wrong byte, without waiting for more', () => {
    expect(read(Buffer.from([22, 2])).state).toBe('malformed');
    expect(read(Buffer.from([22, 3, 1, 0, 0])).state).toBe('malformed');
    expect(read(Buffer.from([22, 3, 1, 0, 9, 2])).state).toBe('malformed');
  });

  test('when it does not end', () => {
    const reader = new ClientHelloReader();
    const endless = records(helloMessage({ extensions: [[9, Buffer.alloc(16_000)]] }).subarray(0, 15_000), 1);
    let state = 'more';
    let taken = 0;
    for (let at = 0; state === 'more'; at += 100) {
      ({ state } = reader.push(endless.subarray(at, at + 100)));
      taken += 100;
    }
    expect(state).toBe('malformed');
    expect(taken).toBeLessThanOrEqual(MAX_HELLO + 100);
  });
});

describe('a ClientHello, whatever its bytes', () => {
  test('gets the same verdict however it is cut', () => {
    const message = helloMessage({ serverName: serverNames([0, 'a.test']) });
    const mutated = fc
      .tuple(fc.nat(message.length), fc.uint8Array({ maxLength: 4 }), fc.integer({ min: 1, max: 80 }))
      .map(([at, bytes, size]) =>
        records(Buffer.concat([message.subarray(0, at), bytes, message.subarray(at + bytes.length)]), size),
      );
    fc.assert(
      fc.property(mutated, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (bytes, sizes) => {
        expect(read(bytes, sizes)).toEqual(read(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  test('never ends the reader', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const { state } = read(
          Buffer.concat([Buffer.from([22, 3, 1]), vector(2, Buffer.concat([Buffer.from([1, 0]), bytes]))]),
        );
        expect(['more', 'done', 'malformed']).toContain(state);
      }),
      { numRuns: 3_000 },
    );
  });

  test('costs time in proportion to its length, in the smallest records and segments', async () => {
    const reads = (length: number) => {
      const bytes = records(helloMessage({ extensions: [[9, Buffer.alloc(length)]] }), 1);
      return () => expect(read(bytes, [1]).state).toBe('done');
    };
    expect(await growth(reads, 310, 2_500)).toBeLessThan(24);
  });
});
