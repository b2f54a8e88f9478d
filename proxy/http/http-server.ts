import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { discardInput } from '../refuse/answer.js';

interface HttpHandlers {
  request(stream: Duplex, request: http.IncomingMessage, response: http.ServerResponse): void;
  connect(stream: Duplex, request: http.IncomingMessage, head: Buffer): void;
  /** What arrived is not HTTP, or `tooLarge`. The stream is the handler's to answer or destroy. */
  broken(stream: Duplex, error: { readonly code?: string; readonly tooLarge: boolean }): void;
}

/**
 * Node's HTTP/1.1 parser and response writer for connections that are handed in by `serve`. It never listens, so
 * none of its own timers run: the time for heads is the client connection's business, and there is no limit on the
 * length of a request.
 */
export class HttpServer {
  readonly #server: http.Server;

  /** @param headerBytes largest request head */
  constructor(headerBytes: number, handlers: HttpHandlers) {
    const server = http.createServer({
      maxHeaderSize: headerBytes,
      insecureHTTPParser: false,
      // Answered with a reason of ours instead of Node's bare 400.
      requireHostHeader: false,
      requestTimeout: 0,
      headersTimeout: 0,
      keepAliveTimeout: 0,
    });
    // Lines over this limit would be dropped in silence: a second Host, say. The size is the limit.
    server.maxHeadersCount = 0;
    server.maxRequestsPerSocket = 0;
    server.timeout = 0;
    // A client that has sent its request and its FIN still gets its answer.
    (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
    const onRequest = (request: http.IncomingMessage, response: http.ServerResponse) =>
      handlers.request(request.socket, request, response);
    server.on('request', onRequest);
    server.on('checkContinue', onRequest);
    server.on('checkExpectation', onRequest);
    server.on('connect', (request, stream, head) => handlers.connect(stream, request, head));
    server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
      const { code } = error;
      handlers.broken(stream, { ...(code && { code }), tooLarge: code === 'HPE_HEADER_OVERFLOW' });
    });
    this.#server = server;
  }

  /** Takes over a stream that requests arrive on. */
  serve(stream: Duplex): void {
    this.#server.emit('connection', stream);
  }
}

/**
 * Takes a stream back from the server: what arrives on it from here on is not HTTP. The server's other listeners stay;
 * they end the answering half when the client ends its own.
 */
export function detach(stream: Duplex, response: http.ServerResponse): void {
  discardInput(stream);
  stream.pause();
  stream.removeAllListeners('data');
  response.detachSocket(stream as net.Socket);
}
