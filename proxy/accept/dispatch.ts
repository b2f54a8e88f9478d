import type http from 'node:http';
import type { Duplex } from 'node:stream';
import { ProxyServer } from 'http-proxy';
import type { Core } from '../core.js';
import type { ForwarderOptions } from '../http/exchange.js';
import { OriginAgent } from '../http/origin-agent.js';
import { serveRequest } from '../http/request.js';
import { DENIALS, type DenialReason } from '../policy/denials.js';
import { basicAuthorization, parseUpstream } from '../policy/upstream.js';
import { closeWith, denialText, discardInput } from '../refuse/answer.js';
import { printable, type Subject } from '../report/recorder.js';
import { checkConnectForm, serveConnect } from '../tunnel/connect-method.js';
import type { ClientConnection } from './client-connection.js';
import { readConnectHead } from './connect-head.js';
import { HttpServer } from './http-server.js';

/** Where a stream has its connection: a WeakMap costs more, at each connection and in each collection of garbage. */
const CONNECTION = Symbol('connection');

type Served = Duplex & { [CONNECTION]?: ClientConnection };

/** What a client connection gets: the proxy's own HTTP, and the HTTP inside tunnels. */
export class Service {
  readonly #core: Core;
  readonly #agent: OriginAgent;
  readonly #forwarder: ForwarderOptions;
  readonly #outer: HttpServer;
  readonly #inner: HttpServer;

  constructor(core: Core, upstream: string | undefined) {
    this.#core = core;
    const { headerBytes } = core.policy.operator.limits;
    this.#agent = new OriginAgent((target, cancel) => core.decider.dialForRequests(target, cancel));
    const proxy = new ProxyServer({ followRedirects: false, xfwd: false, ws: false });
    proxy.on('error', (error) => core.fault(error));
    this.#forwarder = { core, agent: this.#agent, proxy, forward: forwarding(upstream) };
    const request = (stream: Duplex, message: http.IncomingMessage, response: http.ServerResponse) => {
      void serveRequest(this.#forwarder, this.#of(stream), message, response);
    };
    const broken = (stream: Duplex, { tooLarge, code }: { tooLarge: boolean; code?: string }) =>
      this.#broken(stream, tooLarge, code);
    const connect = (stream: Duplex, message: http.IncomingMessage, head: Buffer) =>
      this.#connect(this.#of(stream), message, head);
    const connectInside = (stream: Duplex, message: http.IncomingMessage) =>
      this.#connectInside(this.#of(stream), message);
    this.#outer = new HttpServer(headerBytes, { request, connect, broken });
    this.#inner = new HttpServer(headerBytes, { request, connect: connectInside, broken });
  }

  serve(connection: ClientConnection): void {
    (connection.stream as Served)[CONNECTION] = connection;
    connection.awaitHead();
    connection.stream.once('data', (chunk: Buffer) => this.#first(connection, chunk));
  }

  serveInside(connection: ClientConnection): void {
    connection.awaitHead();
    this.#inner.serve(connection.stream);
    // It was paused when its first bytes were judged.
    connection.stream.resume();
  }

  headerTimeout(connection: ClientConnection): void {
    this.#refuseLast(connection, undefined, 'header-timeout');
  }

  /** Ends the connections to origins, those in use included. */
  close(): void {
    this.#agent.destroy();
  }

  /** What a connection begins with: mostly a CONNECT that is easily read. */
  #first(connection: ClientConnection, chunk: Buffer): void {
    const { stream } = connection;
    connection.spoke = true;
    stream.pause();
    const connect = readConnectHead(chunk);
    if (connect) {
      void serveConnect(this.#core, connection, connect.target, chunk.subarray(connect.length));
      return;
    }
    stream.unshift(chunk);
    this.#outer.serve(stream);
    stream.resume();
  }

  #connect(connection: ClientConnection, request: http.IncomingMessage, head: Buffer): void {
    if (connection.refused) return;
    // Nobody can want a tunnel behind answers that are still to come.
    if (connection.inFlight > 0) this.#refuseLast(connection, request, 'malformed-request');
    else void serveConnect(this.#core, connection, request.url ?? '', head, () => checkConnectForm(request));
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
    const { stream } = connection;
    const subject = subjectOf(connection, request);
    connection.refused = true;
    connection.headArrived();
    discardInput(stream);
    this.#core.recorder.denied(subject, reason, DENIALS[reason].status);
    const { host, port } = subject;
    const text = denialText({ reason, host, port, job: this.#core.policy.job.job });
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

function subjectOf(connection: ClientConnection, request: http.IncomingMessage | undefined): Subject {
  const inside = connection.tunnel?.authority;
  return {
    connection: connection.id,
    client: connection.client,
    method: request?.method ?? '-',
    host: inside?.host ?? printable(request?.url ?? ''),
    port: inside?.port ?? 0,
    since: performance.now(),
  };
}

function forwarding(upstream: string | undefined): ForwarderOptions['forward'] {
  if (upstream === undefined) return undefined;
  const parsed = parseUpstream(upstream);
  if (!parsed.ok || parsed.value.scheme !== 'http') return undefined;
  const { credentials } = parsed.value;
  return { authorization: credentials && basicAuthorization(credentials) };
}
