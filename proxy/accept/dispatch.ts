import type http from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpServer } from '../http/http-server.js';
import { Passage, type PassageParts } from '../http/passage.js';
import { serveRequest } from '../http/request.js';
import type { DenialReason } from '../policy/denials.js';
import { closeWith, discardInput } from '../refuse/answer.js';
import { Refusal } from '../refuse/refusal.js';
import { subjectOf } from '../report/subject.js';
import { checkConnectForm, serveConnect } from '../tunnel/connect-method.js';
import type { OpenTunnelParts } from '../tunnel/open-tunnel.js';
import type { Turn } from '../util/turns.js';
import type { ConnectionService } from './acceptor.js';
import type { ClientConnection } from './client-connection.js';
import { type HeadHandlers, HeadReader } from './head-reader.js';

/** Where a stream has its connection: a WeakMap costs more, at each connection and in each collection of garbage. */
const CONNECTION = Symbol('connection');

type Served = Duplex & { [CONNECTION]?: ClientConnection };

export type DispatchParts = PassageParts &
  Omit<OpenTunnelParts, 'serveInside'> & {
    /** Requests are read in it. */
    readonly turn: Turn;
    /** Whether Node's parser reads all requests. */
    readonly nodeHttp: boolean;
  };

/** Hands each request of a connection to what answers it: the proxy's own HTTP, and the HTTP inside tunnels. */
export class Dispatch implements ConnectionService {
  readonly #with: DispatchParts;
  readonly #connects: OpenTunnelParts;
  readonly #outer: HeadHandlers;
  readonly #inner: HeadHandlers;

  constructor(parts: DispatchParts) {
    this.#with = parts;
    this.#connects = { ...parts, serveInside: (connection) => this.serveInside(connection) };
    const request = (stream: Duplex, message: http.IncomingMessage, response: http.ServerResponse) => {
      void serveRequest(parts, this.#of(stream), message, response);
    };
    const broken = (stream: Duplex, { tooLarge, code }: { tooLarge: boolean; code?: string }) =>
      this.#broken(stream, tooLarge, code);
    const connect = (stream: Duplex, message: http.IncomingMessage, head: Buffer) =>
      this.#connect(this.#of(stream), message, head);
    const connectInside = (stream: Duplex, message: http.IncomingMessage) =>
      this.#connectInside(this.#of(stream), message);
    const { headerBytes } = parts;
    const serveSimple: HeadHandlers['simple'] = (connection, head, answered) =>
      void new Passage(parts, connection, head, answered).serve();
    const simple = parts.nodeHttp || parts.forward ? undefined : serveSimple;
    this.#outer = {
      connect: (connection, target, rest) => serveConnect(this.#connects, connection, target, rest),
      simple,
      server: new HttpServer(headerBytes, { request, connect, broken }),
      headerBytes,
      turn: parts.turn,
    };
    this.#inner = {
      simple,
      server: new HttpServer(headerBytes, { request, connect: connectInside, broken }),
      headerBytes,
      turn: parts.turn,
    };
  }

  serve(connection: ClientConnection): void {
    (connection.stream as Served)[CONNECTION] = connection;
    connection.awaitHead();
    new HeadReader(connection, this.#outer);
  }

  headerTimeout(connection: ClientConnection): void {
    this.#refuseLast(connection, undefined, 'header-timeout');
  }

  refusal(text: string): string {
    return text;
  }

  /** Requests to a host: inside a tunnel, or of a program that knows of no proxy. */
  serveInside(connection: ClientConnection): void {
    (connection.stream as Served)[CONNECTION] = connection;
    connection.awaitHead();
    new HeadReader(connection, this.#inner);
    // It was paused when its first bytes were judged.
    connection.stream.resume();
  }

  #connect(connection: ClientConnection, request: http.IncomingMessage, head: Buffer): void {
    if (connection.refused) return;
    // Nobody can want a tunnel behind answers that are still to come.
    if (connection.inFlight > 0) {
      this.#refuseLast(connection, request, 'malformed-request');
      return;
    }
    const check = () => checkConnectForm(request);
    serveConnect(this.#connects, connection, request.url ?? '', () => head, check);
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
