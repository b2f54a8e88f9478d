import type http from 'node:http';
import type { Duplex } from 'node:stream';
import { ProxyServer } from 'http-proxy';
import { closeWith, denialText } from './answer.js';
import type { ClientConnection } from './client-connection.js';
import { refuseConnect, serveConnect } from './connect-method.js';
import type { Core } from './core.js';
import { DENIALS, type DenialReason } from './denial.js';
import type { ForwarderOptions } from './exchange.js';
import { HttpServer } from './http-server.js';
import { OriginAgent } from './origin-agent.js';
import { printable, type Subject } from './recorder.js';
import { Refusal } from './refusal.js';
import { serveRequest } from './request.js';
import { basicAuthorization, parseUpstream } from './upstream.js';

/** What a client connection gets: the proxy's own HTTP, and the HTTP inside tunnels. */
export class Service {
  readonly #core: Core;
  readonly #agent: OriginAgent;
  readonly #forwarder: ForwarderOptions;
  readonly #outer: HttpServer;
  readonly #inner: HttpServer;
  readonly #connections = new WeakMap<Duplex, ClientConnection>();

  constructor(core: Core, upstream: string | undefined) {
    this.#core = core;
    const { headerBytes } = core.policy.operator.limits;
    this.#agent = new OriginAgent((target, signal) => core.decider.dialForRequests(target, signal));
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
    this.#connections.set(connection.stream, connection);
    connection.awaitHead();
    this.#outer.serve(connection.stream);
  }

  serveInside(connection: ClientConnection): void {
    connection.awaitHead();
    this.#inner.serve(connection.stream);
    // It was paused when its first bytes were judged.
    connection.stream.resume();
  }

  headerTimeout(connection: ClientConnection): void {
    this.#refuseRaw(connection, 'header-timeout');
  }

  /** Ends the connections to origins, those in use included. */
  close(): void {
    this.#agent.destroy();
  }

  #connect(connection: ClientConnection, request: http.IncomingMessage, head: Buffer): void {
    if (connection.refused) return;
    if (connection.inFlight > 0) {
      // The answers to earlier requests are still to come: there is no place for one to this.
      this.#core.recorder.denied(subjectOf(connection, request), 'malformed-request', 0);
      connection.stream.destroy();
      return;
    }
    void serveConnect(this.#core, connection, request, head);
  }

  #connectInside(connection: ClientConnection, request: http.IncomingMessage): void {
    if (connection.refused) return;
    const refusal = new Refusal('connect-in-tunnel');
    if (connection.inFlight === 0) {
      refuseConnect(this.#core, connection, subjectOf(connection, request), refusal);
      return;
    }
    this.#core.recorder.denied(subjectOf(connection, request), refusal.reason, 0);
    connection.stream.destroy();
  }

  #broken(stream: Duplex, tooLarge: boolean, code: string | undefined): void {
    const connection = this.#connections.get(stream);
    // Resets and the like: there is nobody left to answer.
    if (connection === undefined || connection.refused || !(code ?? '').startsWith('HPE_')) {
      if (!connection?.refused) stream.destroy();
      return;
    }
    this.#refuseRaw(connection, tooLarge ? 'headers-too-large' : 'malformed-request');
  }

  /** Refuses what was not even a request. */
  #refuseRaw(connection: ClientConnection, reason: DenialReason): void {
    const { stream, inFlight } = connection;
    const subject = subjectOf(connection, undefined);
    connection.refused = true;
    connection.headArrived();
    this.#core.recorder.denied(subject, reason, inFlight > 0 ? 0 : DENIALS[reason].status);
    const { host, port } = subject;
    if (inFlight > 0) stream.destroy();
    else closeWith(stream, denialText({ reason, host, port, job: this.#core.policy.job.job }));
  }

  #of(stream: Duplex): ClientConnection {
    const connection = this.#connections.get(stream);
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
