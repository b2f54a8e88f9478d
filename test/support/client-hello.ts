import net from 'node:net';
import tls from 'node:tls';

/** The first bytes of a real TLS client that asks for `servername`; without it, one that names nobody. */
export async function realClientHello(servername?: string): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const hello = new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => {});
      socket.once('data', (bytes) => {
        socket.destroy();
        resolve(bytes);
      });
    });
  });
  const client = tls.connect({ port, host: '127.0.0.1', ...(servername && { servername }) });
  client.on('error', () => {});
  try {
    return await hello;
  } finally {
    client.destroy();
    server.close();
  }
}

export interface HelloParts {
  /** Contents of the server_name extension; undefined: there is none. */
  readonly serverName?: Buffer | undefined;
  /** Further extensions, `[type, data]`. */
  readonly extensions?: readonly (readonly [number, Buffer])[];
  readonly sessionId?: Buffer;
  readonly suites?: Buffer;
  readonly compression?: Buffer;
  /** What follows the extensions in the message. */
  readonly tail?: Buffer;
}

/** A ClientHello message with its handshake header, made by hand so that each part can be wrong. */
export function helloMessage(parts: HelloParts): Buffer {
  const extensions = [...(parts.extensions ?? [])];
  if (parts.serverName) extensions.unshift([0, parts.serverName]);
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(1, parts.sessionId ?? Buffer.alloc(32, 1)),
    vector(2, parts.suites ?? Buffer.from([0x13, 0x01, 0x13, 0x02])),
    vector(1, parts.compression ?? Buffer.from([0])),
    vector(
      2,
      Buffer.concat(extensions.map(([type, data]) => Buffer.concat([uint16(type), vector(2, data)]))),
    ),
    parts.tail ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]);
}

/** The contents of a server_name extension with these entries, `[type, name]`. */
export function serverNames(...entries: readonly (readonly [number, string])[]): Buffer {
  return vector(
    2,
    Buffer.concat(
      entries.map(([type, name]) =>
        Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))]),
      ),
    ),
  );
}

/** One handshake record. */
export function record(payload: Buffer, type = 22): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 1]), vector(2, payload)]);
}

/** The message in records of at most `size` bytes. */
export function records(message: Buffer, size: number): Buffer {
  const all: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) all.push(record(message.subarray(at, at + size)));
  return Buffer.concat(all);
}

/** A ClientHello for a name in one record. */
export function helloFor(name: string): Buffer {
  return record(helloMessage({ serverName: serverNames([0, name]) }));
}

export function vector(lengthBytes: 1 | 2, data: Buffer): Buffer {
  return Buffer.concat([lengthBytes === 1 ? Buffer.from([data.length]) : uint16(data.length), data]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}
