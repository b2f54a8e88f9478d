import http from 'node:http';
import net from 'node:net';

/** A server on loopback that a proxy under test is allowed to reach, and what it saw. */
export interface Origin extends AsyncDisposable {
  readonly port: number;
  /** Open connections. */
  readonly sockets: ReadonlySet<net.Socket>;
  /** Connections so far. */
  readonly accepted: number;
  close(): Promise<void>;
}

/** An origin that speaks whatever `handle` does. */
export async function startTcpOrigin(
  handle: (socket: net.Socket) => void,
  host = '127.0.0.1',
): Promise<Origin> {
  return serve(net.createServer({ allowHalfOpen: true }, handle), host);
}

/** An HTTP origin. Heads of any size, no time limits. */
export async function startOrigin(
  handle: (request: http.IncomingMessage, response: http.ServerResponse) => void,
  host = '127.0.0.1',
): Promise<Origin> {
  const server = http.createServer({ requestTimeout: 0, maxHeaderSize: 1_048_576 }, handle);
  // Node of August 2026 and later answers 431 to more than 1,000 lines.
  server.maxHeadersCount = 0;
  server.on('checkContinue', handle);
  return serve(server, host);
}

/** An origin that answers 200 with the request as it arrived, as JSON. */
export function startEchoOrigin(host?: string): Promise<Origin> {
  return startOrigin((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, rawHeaders } = request;
      const body = Buffer.concat(chunks).toString('latin1');
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ method, url, rawHeaders, body }));
    });
  }, host);
}

/** What `startEchoOrigin` answers. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  readonly body: string;
}

/** Values of a header in `rawHeaders`, in order. */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const lower = name.toLowerCase();
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === lower);
}

async function serve(server: net.Server, host: string): Promise<Origin> {
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  server.on('connection', (socket: net.Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: 0 }, resolve);
  });
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    sockets,
    get accepted() {
      return accepted;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
