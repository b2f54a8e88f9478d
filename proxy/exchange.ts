import type http from 'node:http';
import type net from 'node:net';
import type { Stream } from 'node:stream';
import type { ProxyServer } from 'http-proxy';
import { closeWith, discardInput } from './answer.js';
import { formatAuthority } from './authority.js';
import type { Cancellation } from './cancellation.js';
import type { ClientConnection } from './client-connection.js';
import type { Core, Flow } from './core.js';
import type { DialTarget } from './dial.js';
import { hasUnknownCoding, type RequestHead, responseLines, trailerLines } from './heads.js';
import type { OriginAgent, RouteOptions } from './origin-agent.js';
import type { Subject } from './recorder.js';
import { asRefusal, Refusal } from './refusal.js';
import { resetSocket } from './reset.js';

export interface ExchangeParts {
  readonly connection: ClientConnection;
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly subject: Subject;
  readonly head: RequestHead;
  readonly target: DialTarget;
  /** Origin form. */
  readonly path: string;
  readonly cancel: Cancellation;
}

export interface ForwarderOptions {
  readonly core: Core;
  readonly agent: OriginAgent;
  readonly proxy: ProxyServer;
  /** Where requests go to an upstream in absolute form, with these credentials. */
  readonly forward?: { readonly authorization?: string | undefined } | undefined;
}

/** So many 1xx answers to one request are passed on; an origin that sends more never comes to the point. */
const MAX_INFORMATION = 20;

/** Repeating these changes nothing (RFC 9110 section 9.2.2). */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** One allowed request on its way to the origin, and the answer on its way back. */
export class Exchange implements Flow {
  readonly target: DialTarget;
  readonly #with: ForwarderOptions;
  readonly #parts: ExchangeParts;
  readonly #refuse: (refusal: Refusal) => void;
  #upstream: http.ClientRequest | undefined;
  #allowed = false;
  #settled = false;
  #retried = false;
  #information = 0;
  #reason: string | undefined;

  /** @param refuse answers with a denial; only called before anything of an answer was sent */
  constructor(options: ForwarderOptions, parts: ExchangeParts, refuse: (refusal: Refusal) => void) {
    this.target = parts.target;
    this.#with = options;
    this.#parts = parts;
    this.#refuse = refuse;
  }

  start(): void {
    this.#with.core.began(this);
    this.#send();
  }

  end(reason: string): void {
    this.#reason ??= reason;
    this.#upstream?.destroy();
    this.#parts.connection.stream.destroy();
  }

  /**
   * http-proxy makes the request, ties its life to the client's and reports its errors. The head is not its: the
   * stream that it is given as the body is where it hands out the request before anything is sent.
   */
  #send(): void {
    const { core, agent, proxy } = this.#with;
    const { request, response, target, cancel } = this.#parts;
    // http-proxy copies these into a request that is then rebuilt: nothing of them is needed.
    request.headers = {};
    request.url = '/';
    const options: http.RequestOptions & RouteOptions = {
      route: { target, cancel },
      maxHeaderSize: core.policy.operator.limits.headerBytes,
      insecureHTTPParser: false,
    };
    proxy.web(
      request,
      response,
      {
        target: { protocol: 'http:', host: 'origin.invalid', port: target.authority.port } as never,
        agent,
        ssl: options,
        selfHandleResponse: true,
        buffer: { pipe: (upstream: http.ClientRequest) => this.#build(upstream) } as unknown as Stream,
      },
      (error) => this.#failed(error),
    );
  }

  #build(upstream: http.ClientRequest): void {
    this.#upstream = upstream;
    const { request, head, target, path } = this.#parts;
    const { policy } = this.#with.core;
    const { forward } = this.#with;
    const { job, execution } = policy.job;
    const host = formatAuthority(target.authority, 80);
    upstream.path = forward ? `http://${host}${path}` : path;
    upstream.maxHeadersCount = 0;
    for (const name of upstream.getHeaderNames()) upstream.removeHeader(name);
    upstream.setHeader('Host', host);
    for (let i = 0; i < head.lines.length; i += 2) {
      upstream.appendHeader(head.lines[i] as string, head.lines[i + 1] as string);
    }
    upstream.setHeader(policy.operator.jobHeader, execution ?? job);
    if (head.maxForwards !== undefined) upstream.setHeader('Max-Forwards', head.maxForwards);
    if (forward?.authorization) upstream.setHeader('Proxy-Authorization', forward.authorization);
    upstream.once('socket', (socket) => this.#connected(socket));
    upstream.once('response', (answer) => this.#respond(answer));
    // Without an answer and without an error: an origin that switches protocols unasked, say.
    upstream.once('close', () => {
      if (upstream === this.#upstream && !this.#settled) this.#failed(new Error('closed without an answer'));
    });
    upstream.on('information', (information) => this.#inform(information));
    const { framing } = head;
    if (framing.kind === 'none') {
      upstream.end();
      return;
    }
    if (framing.kind === 'length') upstream.setHeader('Content-Length', framing.length);
    else upstream.setHeader('Transfer-Encoding', 'chunked');
    if (head.expectsContinue) upstream.setHeader('Expect', '100-continue');
    // The origin may answer, or say 100, before there is any of the body.
    upstream.flushHeaders();
    request.pipe(upstream);
  }

  #connected(socket: net.Socket): void {
    if (this.#allowed || socket === null) return;
    this.#allowed = true;
    const { subject, target } = this.#parts;
    this.#with.core.recorder.allowed(subject, socket.remoteAddress, target.learned);
  }

  /** 1xx of the origin. HTTP/1.0 knows none (RFC 9110 section 15.2). */
  #inform({ statusCode, rawHeaders }: http.InformationEvent): void {
    const { request, response } = this.#parts;
    if (++this.#information > MAX_INFORMATION) {
      this.#fail(new Refusal('origin-broken'));
      return;
    }
    if (this.#settled || request.httpVersion === '1.0') return;
    if (statusCode === 100) {
      if (this.#parts.head.expectsContinue) response.writeContinue();
    } else if (statusCode === 102) {
      response.writeProcessing();
    } else if (statusCode === 103) {
      // Without a prototype: a header may be called `constructor`.
      const hints: Record<string, string[]> = Object.create(null);
      const lines = responseLines(rawHeaders);
      for (let i = 0; i < lines.length; i += 2) {
        const name = (lines[i] as string).toLowerCase();
        hints[name] ??= [];
        hints[name].push(lines[i + 1] as string);
      }
      // Hints are only hints: those that Node finds malformed are not passed on.
      try {
        response.writeEarlyHints(hints);
      } catch {}
    }
  }

  #respond(answer: http.IncomingMessage): void {
    const { response } = this.#parts;
    answer.on('error', () => this.#cut('origin-reset'));
    const status = answer.statusCode ?? 0;
    const broken = hasUnknownCoding(answer.rawHeaders) || status < 200 || status > 999;
    // What the upstream wants is not the job's to answer.
    if (this.#with.forward && status === 407) this.#fail(new Refusal('upstream-failed'));
    else if (broken) this.#fail(new Refusal('origin-broken'));
    else if (!this.#settled) {
      this.#settled = true;
      try {
        response.writeHead(status, answer.statusMessage, responseLines(answer.rawHeaders));
      } catch {
        this.#settled = false;
        this.#fail(new Refusal('origin-broken'));
        return;
      }
      // The head goes out together with what is there of the body, but does not wait for more of it.
      response.cork();
      let corked = true;
      const uncork = () => {
        if (corked) response.uncork();
        corked = false;
      };
      answer.once('end', () => {
        // Node 22 and 24 send the end of a corked answer before its body. The socket holds both until the end is there.
        response.socket?.cork();
        uncork();
        const trailers = trailerLines(answer.rawTrailers);
        // What the parser takes and the writer does not must not be thrown here, where nobody catches it.
        try {
          if (trailers.length > 0) response.addTrailers(trailers);
        } catch {}
        response.end();
        this.#answered();
      });
      response.flushHeaders();
      answer.pipe(response, { end: false });
      setImmediate(uncork);
    }
  }

  /** An origin that answered before it had the whole request gets no more of it, and the connection closes. */
  #answered(): void {
    const { connection, request, response } = this.#parts;
    if (request.complete) return;
    this.#upstream?.destroy();
    connection.refused = true;
    discardInput(connection.stream);
    if (response.writableFinished) closeWith(connection.stream, '');
    else response.once('finish', () => closeWith(connection.stream, ''));
  }

  #failed(error: Error): void {
    if (this.#settled) return;
    const { request, head, response, cancel } = this.#parts;
    if (response.destroyed || cancel.cancelled) return;
    // The origin closed a kept connection just when it was used again (RFC 9112 section 9.3.1).
    const repeatable = REPEATABLE.has(request.method ?? '') && head.framing.kind === 'none';
    if (this.#upstream?.reusedSocket && repeatable && !this.#retried && !(error instanceof Refusal)) {
      this.#retried = true;
      this.#with.agent.discardFree(this.target);
      this.#send();
      return;
    }
    if (!this.#allowed) this.#fail(asRefusal(this.#with.core, error));
    else this.#fail(new Refusal('origin-broken', { cause: error }));
  }

  #fail(refusal: Refusal): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reason ??= refusal.reason;
    this.#upstream?.destroy();
    this.#refuse(refusal);
  }

  /** Part of the answer is out: the client must see that it is not whole. */
  #cut(reason: string): void {
    if (this.#parts.response.writableEnded) return;
    this.#reason ??= reason;
    const { stream } = this.#parts.connection;
    if (this.#parts.request.httpVersion === '1.0') resetSocket(stream);
    else stream.destroy();
  }

  /** The answer is out, or its client is gone. */
  over(): void {
    const { core } = this.#with;
    const { response, connection, subject } = this.#parts;
    if (!response.writableFinished) this.#upstream?.destroy();
    if (this.#allowed) {
      const reason = this.#reason ?? (response.writableFinished ? 'end' : 'client-reset');
      core.recorder.closed(subject, { kind: 'request', ...connection.takeBytes(), reason });
    }
    core.ended(this);
  }
}
