import type http from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpServer } from '../http/http-server.js';
import { type RequestParts, serveRequest } from '../http/request.js';
import type { DenialReason } from '../policy/denials.js';
import { closeWith, discardInput } from '../refuse/answer.js';
import { Refusal } from '../refuse/refusal.js';
import { subjectOf } from '../report/subject.js';
import { type ConnectParts, checkConnectForm, serveConnect } from '../tunnel/connect-method.js';
import type { ClientConnection } from './client-connection.js';
import { readConnectHead } from './connect-head.js';

/** Where a stream has its connection: a WeakMap costs more, at each connection and in each collection of garbage. */
const CONNECTION = Symbol('connection');

type Served = Duplex & { [CONNECTION]?: ClientConnection };

type DispatchParts = RequestParts & Omit<ConnectParts, 'serveInside'>;

/** Hands each request of a connection to what answers it: the proxy's own HTTP, and the HTTP inside tunnels. */
export class Dispatch {
  readonly #with: DispatchParts;
  readonly #connects: ConnectParts;
  readonly #outer: HttpServer;
  readonly #inner: HttpServer;

  constructor(parts: DispatchParts) {
    this.#with = parts;
    this.#connects = { ...parts, serveInside: (connection) => this.#serveInside(connection) };
    const request = (stream: Duplex, message: http.IncomingMessage, response: http.ServerResponse) => {
      void serveRequest(parts, this.#of(stream), message, response);
    };
    const broken = (stream: Duplex, { tooLarge, code }: { tooLarge: boolean; code?: string }) =>
      this.#broken(stream, tooLarge, code);
    const connect = (stream: Duplex, message: http.IncomingMessage, head: Buffer) =>
      this.#connect(this.#of(stream), message, head);
    const connectInside = (stream: Duplex, message: http.IncomingMessage) =>
      this.#connectInside(this.#of(stream), message);
    this.#outer = new HttpServer(parts.headerBytes, { request, connect, broken });
    this.#inner = new HttpServer(parts.headerBytes, { request, connect: connectInside, broken });
  }

  serve(connection: ClientConnection): void {
    (connection.stream as Served)[CONNECTION] = connection;
    connection.awaitHead();
    connection.stream.once('data', (chunk: Buffer) => this.#first(connection, chunk));
  }

  headerTimeout(connection: ClientConnection): void {
    this.#refuseLast(connection, undefined, 'header-timeout');
  }

  #serveInside(connection: ClientConnection): void {
    connection.awaitHead();
    this.#inner.serve(connection.stream);
    // It was paused when its first bytes were judged.
    connection.stream.resume();
  }

  /** What a connection begins with: mostly a CONNECT that is easily read. */
  #first(connection: ClientConnection, chunk: Buffer): void {
    const { stream } = connection;
    connection.spoke = true;
    stream.pause();
    const connect = readConnectHead(chunk);
    if (connect) {
      void serveConnect(this.#connects, connection, connect.target, chunk.subarray(connect.length));
      return;
    }
    stream.unshift(chunk);
    this.#outer.serve(stream);
    stream.resume();
  }

  #connect(connection: ClientConnection, request: http.IncomingMessage, head: Buffer): void {
    if (connection.refused) return;
    // Nobody can want a tunnel behind answers that are still to come.
    if (connection.inFlight > 0) {
      this.#refuseLast(connection, request, 'malformed-request');
      return;
    }
    const check = () => checkConnectForm(request);
    void serveConnect(this.#connects, connection, request.url ?? '', head, check);
  }

  #connectInside(connection: ClientConnection, request: http.IncomingMessage): void {
    if (!connection.refused) this.#refuseLast(connection, request, 'connect-in-tunnel');
  }

  #broken(stream: Duplex, tooLarge: boolean, code = ''): void {
    const connection = (stream as Served)[CONNECTION];
    // Resets and the like: there is nobody left to answer.
    if (connection === undefined || !code.startsWith('HPE_')) stream.destroy();
    // What follows a request that said it was the last is nothing to anybody.
    else if (code === 'HPE_CLOSED_CONNECTION') discardInput(stream);
    else if (!connection.refused) {
      this.#refuseLast(connection, undefined, tooLarge ? 'headers-too-large' : 'malformed-request');
    }
  }

  /** Refuses what ends a connection: behind the answers to what was asked before it, if there are any. */
  #refuseLast(
    connection: ClientConnection,
    request: http.IncomingMessage | undefined,
    reason: DenialReason,
  ): void {
    const { stream, tunnel } = connection;
    connection.refused = true;
    connection.headArrived();
    discardInput(stream);
    const asked = { method: request?.method, target: request?.url, authority: tunnel?.authority };
    const { text } = this.#with.refuser.answer(subjectOf(connection, asked), new Refusal(reason));
    if (connection.latest?.request.complete === false) {
      // It broke off within its body: no answer to it can come any more, unless one has begun.
      const { response } = connection.latest;
      const first = connection.inFlight === 1 && !response.headersSent;
      connection.giveUp();
      if (first) closeWith(stream, text);
      else stream.destroy();
      return;
    }
    connection.whenAnswered(() => closeWith(stream, text));
  }

  #of(stream: Duplex): ClientConnection {
    const connection = (stream as Served)[CONNECTION];
    if (connection === undefined) throw new Error('a stream that was not accepted here');
    return connection;
  }
}
