import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { createProxyServer, type ServerOptions } from 'http-proxy';
import { type EngineAsks, noAnswer } from './engine-asks.js';

/** Headers of a client that the engine gets to see. */
const PASSED = ['accept', 'user-agent', 'x-registry-auth'];
/** And where the body is the client's. */
const OF_BODY = ['content-type', 'content-length'];

interface Passed {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The target that was judged. */
  readonly path: string;
  /** The body goes along, as a stream. */
  readonly upload?: boolean;
}

/** Passes requests on to the engine, and its answers back, as streams both. */
export class PassOn {
  readonly #asks: EngineAsks;
  readonly #proxy = createProxyServer({});

  constructor(asks: EngineAsks) {
    this.#asks = asks;
    // Of a client that went away nobody has to be told.
    this.#proxy.on('econnreset', () => {});
    // A client that waits for a container wants to know at once that it does, long before there is a body.
    this.#proxy.on('proxyRes', (_answer, _request, response) => {
      process.nextTick(() => {
        if (!response.destroyed) (response as ServerResponse).flushHeaders();
      });
    });
  }

  /** Settles when the answer is through, or the client has gone. @throws EngineError where none answers. */
  send({ request, response, path, upload = false }: Passed): Promise<void> {
    const { protocol, ...address } = this.#asks.address;
    const names = upload ? [...PASSED, ...OF_BODY] : PASSED;
    // It takes both from the request. What a client says of connections is not the engine's business.
    request.url = path;
    request.headers = {
      ...Object.fromEntries(
        names.flatMap((name) => (request.headers[name] ? [[name, request.headers[name]]] : [])),
      ),
      host: 'docker',
      // In whatever coding it came, Node has taken it out of that.
      ...(upload && request.headers['transfer-encoding'] !== undefined && { 'transfer-encoding': 'chunked' }),
      ...(!upload && request.method !== 'GET' && request.method !== 'HEAD' && { 'content-length': '0' }),
    };
    return new Promise((resolve, reject) => {
      response.once('close', resolve);
      this.#proxy.web(
        request,
        response,
        {
          // Of a socket there is no host.
          target: { protocol, ...address } as NonNullable<ServerOptions['target']>,
          agent: this.#asks.agent,
          ...(!upload && { buffer: Readable.from([]) }),
        },
        (error) => reject(noAnswer(error)),
      );
    });
  }

  close(): void {
    this.#proxy.close();
  }
}
