/**
 * The origins of the small internet (internet.ts): a process of its own, in a network namespace of its own, that ends with
 * its parent and takes the namespace with it.
 */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createReadStream, statSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { join, normalize } from 'node:path';
import { createSecureContext, TLSSocket } from 'node:tls';
import { takeWebSocket } from './web-socket.js';

/**
 * What listens on a port: `http` and `https` take WebSockets as well; `grpc` gives each message back, over TLS and HTTP/2;
 * `banner` speaks first, as SSH and SMTP do; `echo` gives back what it gets; `canned` answers each head with the
 * same, or with bytes that do not end where they are asked for, and tells nothing; `udp` only listens.
 */
export type Service = 'http' | 'https' | 'grpc' | 'echo' | 'banner' | 'canned' | 'udp';

export interface OriginConfig {
  /** Commands for `ip -batch` in the namespace. */
  readonly ip: readonly string[];
  readonly listeners: readonly { address: string; port: number; service: Service; name: string }[];
  /** By name; a wildcard is not looked up here. */
  readonly certificates: Readonly<Record<string, { key: string; cert: string }>>;
  /** By name: what is served below /files/. */
  readonly folders: Readonly<Record<string, string>>;
}

/** What an origin saw. `connection` and `datagram` come before anything is read. */
export interface OriginEvent {
  readonly kind: 'connection' | 'datagram' | 'request';
  /** Where it arrived. */
  readonly address: string;
  readonly port: number;
  readonly from: string;
  readonly method?: string;
  readonly url?: string;
  readonly secure?: boolean;
  /** As sent: name, value, name, value, … */
  readonly rawHeaders?: readonly string[];
  readonly headers?: IncomingMessage['headers'];
}

export type ToOrigins = { do: 'configure'; config: OriginConfig } | { do: 'flush' } | { do: 'close' };
export type FromOrigins =
  | { did: 'start' }
  | { did: 'configure'; problem?: string }
  | { did: 'flush' }
  | { did: 'close' }
  | { did: 'see'; event: OriginEvent };

const tell = (message: FromOrigins) => process.send?.(message);
const sockets = new Set<Socket>();

function greet(socket: Socket, name: string): void {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => {});
  tell({
    did: 'see',
    event: { kind: 'connection', ...whereabouts(socket), from: socket.remoteAddress ?? name },
  });
}

function whereabouts(socket: Socket): { address: string; port: number } {
  return { address: socket.localAddress ?? '', port: socket.localPort ?? 0 };
}

/** `/`, `/bytes/N`, `/upload`, `/headers`, `/status/N`, `/delay/MS`, `/redirect?URL`, `/half/N`, `/files/…`. */
function answer(request: IncomingMessage, response: ServerResponse, name: string, folder?: string): void {
  const { method = '', url = '', headers, rawHeaders, socket } = request;
  const secure = socket instanceof TLSSocket;
  const from = socket.remoteAddress ?? '';
  tell({
    did: 'see',
    event: { kind: 'request', ...whereabouts(socket), from, method, url, secure, headers, rawHeaders },
  });
  const json = (value: unknown) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(`${JSON.stringify(value)}\n`);
  };
  const [, verb, ...rest] = url.replace(/\?.*/, '').split('/');
  const number = Number(rest[0] ?? 0);
  switch (verb) {
    case 'bytes':
      sendBytes(response, number, number);
      return;
    case 'half':
      // Promises N bytes, sends half of them and hangs up.
      sendBytes(response, number, number >> 1, () => socket.destroySoon());
      return;
    case 'upload': {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => json({ bytes }));
      return;
    }
    case 'headers':
      json({ method, url, secure, httpVersion: request.httpVersion, headers, rawHeaders, from });
      return;
    case 'status':
      response.statusCode = number;
      response.end(`status ${number}\n`);
      return;
    case 'delay':
      setTimeout(() => response.end(`after ${number} ms\n`), number);
      return;
    case 'redirect':
      response.writeHead(302, { Location: url.slice(url.indexOf('?') + 1) }).end();
      return;
    case 'files':
      sendFile(response, folder, rest.join('/'));
      return;
    default:
      response.end(`hello from ${headers.host?.replace(/:\d+$/, '') ?? name}\n`);
  }
}

/** Any method, of one message each way. */
function answerGrpc(stream: ServerHttp2Stream): void {
  stream.on('error', () => {});
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.pipe(stream);
}

const block = Buffer.alloc(64 * 1024, 'jobgate.');

function sendBytes(response: ServerResponse, promised: number, sent: number, then?: () => void): void {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': promised });
  let left = sent;
  const more = () => {
    while (left > 0) {
      const chunk = block.subarray(0, Math.min(left, block.length));
      left -= chunk.length;
      if (!response.write(chunk) && left > 0) return void response.once('drain', more);
    }
    if (then) then();
    else response.end();
  };
  more();
}

const CANNED = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n');

function sendCanned(socket: Socket): void {
  let last = '';
  socket.on('data', (chunk) => {
    const text = last + chunk.toString('latin1');
    last = text.slice(-3);
    if (text.includes('/bytes/')) {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const more = () => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', more);
      more();
      return;
    }
    const heads = text.split('\r\n\r\n').length - 1;
    if (heads > 0 && !socket.write(Buffer.concat(Array(heads).fill(CANNED)))) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    }
  });
}

function sendFile(response: ServerResponse, folder: string | undefined, path: string): void {
  const file = folder && join(folder, normalize(`/${decodeURIComponent(path)}`));
  const found = file ? statSync(file, { throwIfNoEntry: false }) : undefined;
  if (!file || !found?.isFile()) {
    response.statusCode = 404;
    response.end('no such file\n');
    return;
  }
  response.writeHead(200, { 'Content-Length': found.size });
  createReadStream(file).pipe(response);
}

async function configure({ ip, listeners, certificates, folders }: OriginConfig): Promise<void> {
  execFileSync('ip', ['-batch', '-'], { input: `${ip.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] });
  const contexts = new Map(
    Object.entries(certificates).map(([name, pair]) => [name, createSecureContext(pair)] as const),
  );
  await Promise.all(
    listeners.map(async ({ address, port, service, name }) => {
      if (service === 'udp') {
        const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
        udp.on('message', (_, from) => {
          tell({ did: 'see', event: { kind: 'datagram', address, port, from: from.address } });
        });
        await new Promise<void>((done, fail) => udp.once('error', fail).bind(port, address, done));
        return;
      }
      const handler = (request: IncomingMessage, response: ServerResponse) =>
        answer(request, response, name, folders[name]);
      // No time limit: a test that uploads slowly decides itself how long it waits.
      const options = { requestTimeout: 0, ...certificates[name] };
      const server =
        service === 'grpc'
          ? createSecureServer({ ...certificates[name] }).on('stream', answerGrpc)
          : service === 'http'
            ? createHttpServer(options, handler)
            : service === 'https'
              ? createHttpsServer(
                  {
                    ...options,
                    SNICallback: (sni, done) => done(null, contexts.get(sni) ?? contexts.get(name)),
                  },
                  handler,
                )
              : createTcpServer((socket) => {
                  if (service === 'canned') sendCanned(socket);
                  else if (service === 'banner') socket.write('SSH-2.0-jobgate_test\r\n');
                  else socket.pipe(socket);
                });
      if (service !== 'canned') server.on('connection', (socket: Socket) => greet(socket, name));
      else server.on('connection', (socket: Socket) => socket.on('error', () => {}));
      if (service === 'http' || service === 'https') server.on('upgrade', takeWebSocket);
      await new Promise<void>((done, fail) => server.once('error', fail).listen(port, address, done));
    }),
  );
}

/** A reset now, so that no client goes on sending once the route to this namespace is gone. */
function resetAll(): void {
  for (const socket of sockets) socket.resetAndDestroy();
}

process.on('message', async (message: ToOrigins) => {
  if (message.do === 'configure') {
    const problem = await configure(message.config).then(
      () => undefined,
      (error: Error) => error.message,
    );
    tell({ did: 'configure', ...(problem !== undefined && { problem }) });
  } else if (message.do === 'flush') {
    tell({ did: 'flush' });
  } else {
    resetAll();
    tell({ did: 'close' });
  }
});
// The parent is gone, in whatever way: the namespace goes with this process.
process.on('disconnect', () => {
  resetAll();
  process.exit();
});
// A Ctrl-C at the terminal reaches this process too: the parent decides when it ends.
process.on('SIGINT', () => {});
tell({ did: 'start' });
