import { once } from 'node:events';
import net from 'node:net';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Direction } from '../../../proxy/tunnel/direction.js';
import { LargeBuffers } from '../../../proxy/tunnel/large-buffers.js';
import { NODE_FIELDS, SocketReader } from '../../../proxy/tunnel/socket-reader.js';
import { pattern } from '../rate/sockets.js';

/** An accepted socket, and the client's end of it. */
async function accept() {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const close = () => {
    client.destroy();
    socket.destroy();
    server.close();
  };
  return { client, socket, [Symbol.dispose]: close };
}

/** Everything that is written to it. */
function collector() {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { sink, bytes: () => Buffer.concat(chunks) };
}

/** Value of Node's field of that name. */
function field(socket: net.Socket, name: string): unknown {
  const symbols = Object.getOwnPropertySymbols(socket).filter(({ description }) => description === name);
  expect(symbols, `symbols named ${name}`).toHaveLength(1);
  return (socket as unknown as Record<symbol, unknown>)[symbols[0] as symbol];
}

const handleOf = (socket: net.Socket) => (socket as unknown as { _handle: Record<string, unknown> })._handle;

// A Node that fails one of these reads tunnels as it reads all else: right, and slower.
describe('what this Node keeps of onread in a socket', () => {
  test.each(NODE_FIELDS)('%s is there, and null where there is no onread', async (name) => {
    using pair = await accept();
    expect(field(pair.socket, name)).toBeNull();
  });

  test('each has what onread has', async () => {
    using pair = await accept();
    const buffer = Buffer.alloc(10);
    const onread = { buffer: () => buffer, callback: () => true };
    const socket = net.connect({ port: pair.socket.localPort as number, host: '127.0.0.1', onread });
    await once(socket, 'connect');
    const values = NODE_FIELDS.map((name) => field(socket, name));
    socket.destroy();
    expect(values).toEqual([buffer, onread.callback, onread.buffer]);
  });

  test('useUserBuffer is there', async () => {
    using pair = await accept();
    expect(handleOf(pair.socket).useUserBuffer).toBeTypeOf('function');
  });
});

describe('an accepted socket', () => {
  const sent = pattern(3_000_000, 9);

  test('is read by its reader, past the socket, byte for byte', async () => {
    using pair = await accept();
    const { client, socket } = pair;
    SocketReader.adopt(socket, new LargeBuffers());
    const { sink, bytes } = collector();
    const up = new Direction('up', undefined);
    let emitted = 0;
    socket.on('data', () => emitted++);
    SocketReader.of(socket)?.relayTo(sink, up);
    sink.on('drain', () => socket.resume());
    client.end(sent);
    await once(socket, 'end');
    expect([bytes().equals(sent), up.bytes, emitted]).toEqual([true, sent.length, 0]);
  });

  test('is a socket like any other until somebody takes its reader', async () => {
    using pair = await accept();
    const { client, socket } = pair;
    SocketReader.adopt(socket, new LargeBuffers());
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    client.end(sent);
    await once(socket, 'end');
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
  });

  test('that is a flood goes through a large buffer, which is given back', async () => {
    using pair = await accept();
    const { client, socket } = pair;
    const large = new LargeBuffers({ limit: 1 });
    SocketReader.adopt(socket, large);
    let left: Buffer | undefined | 'not yet' = 'not yet';
    const sink = new Writable({
      write(chunk: Buffer, _, done) {
        // Here, since the flood may be over before anyone else looks.
        if (chunk.length > 65_536 && left === 'not yet') left = large.take();
        done();
      },
    });
    SocketReader.of(socket)?.relayTo(sink, new Direction('up', undefined));
    while (left === 'not yet') if (!client.write(sent)) await once(client, 'drain');
    expect(left).toBeUndefined();
    client.end();
    await once(socket, 'end');
    socket.destroy();
    await once(socket, 'close');
    expect(large.take()).toBeInstanceOf(Buffer);
  });

  test.each(['useUserBuffer', ...NODE_FIELDS])('is read by Node where there is no %s', async (name) => {
    using pair = await accept();
    const { client, socket } = pair;
    const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
    if (symbol) Reflect.deleteProperty(socket, symbol);
    else Object.assign(handleOf(socket), { useUserBuffer: undefined });
    SocketReader.adopt(socket, new LargeBuffers());
    expect(SocketReader.of(socket)).toBeUndefined();
    const { sink, bytes } = collector();
    socket.pipe(sink);
    client.end(sent);
    await once(sink, 'finish');
    expect(bytes().equals(sent)).toBe(true);
  });
});

describe('a large buffer', () => {
  /** A reader that has one, and its sink, which takes what it is told to. */
  function reading(limit = 1) {
    const large = new LargeBuffers({ limit });
    const reader = new SocketReader(large);
    const socket = new net.Socket();
    reader.attach(socket);
    const chunks: Buffer[] = [];
    const sink = {
      writableLength: 0,
      writableHighWaterMark: 65_536,
      writableNeedDrain: false,
      write: (chunk: Buffer) => {
        chunks.push(chunk);
        return true;
      },
    };
    reader.relayTo(sink, new Direction('up', undefined));
    expect(reader.callback(65_536)).toBe(true);
    const lent = reader.buffer();
    expect(lent.length).toBe(1_048_576);
    return { large, reader, socket, sink, chunks, lent };
  }

  test('goes on without a copy, and nothing is read into it before it is written', () => {
    const { reader, sink, chunks, lent } = reading();
    expect(reader.callback(lent.length)).toBe(true);
    expect(chunks.at(-1)?.buffer).toBe(lent.buffer);
    sink.writableLength = 1;
    expect(reader.callback(lent.length)).toBe(false);
    // What is small is copied: there may be no 'drain' behind it.
    expect(reader.callback(100)).toBe(true);
    expect(chunks.at(-1)?.buffer).not.toBe(lent.buffer);
    sink.writableNeedDrain = true;
    expect(reader.callback(100)).toBe(false);
  });

  test('is kept while whole reads of the usual size come', () => {
    const { large, reader, lent } = reading(2);
    reader.callback(65_536);
    expect(reader.buffer()).toBe(lent);
    expect(large.take()).toBeInstanceOf(Buffer);
    expect(large.take()).toBeUndefined();
  });

  test('is given back once less comes, and is another one than that of all sockets', () => {
    const { large, reader, lent } = reading();
    reader.callback(100);
    expect(reader.buffer().length).toBe(65_536);
    expect(large.take()).toBe(lent);
  });

  test.each([
    [0, true],
    [1, false],
  ])(
    'of a socket that closes while %i bytes are in the queue is used again: %j',
    async (writableLength, isSame) => {
      const { large, socket, sink, lent } = reading();
      sink.writableLength = writableLength;
      socket.destroy();
      await once(socket, 'close');
      expect(large.take() === lent).toBe(isSame);
    },
  );

  test('is not taken where there is none left, nor for what is not a whole read', () => {
    const { large, lent } = reading();
    const other = new SocketReader(large);
    const sink = {
      writableLength: 0,
      writableHighWaterMark: 65_536,
      writableNeedDrain: false,
      write: () => true,
    };
    other.attach(new net.Socket());
    other.relayTo(sink, new Direction('up', undefined));
    expect(other.callback(65_536)).toBe(true);
    expect(other.buffer().length).toBe(65_536);
    large.give(lent as Buffer);
    other.callback(65_535);
    expect(other.buffer().length).toBe(65_536);
    other.callback(65_536);
    expect(other.buffer()).toBe(lent);
  });
});
