import http from 'node:http';
import type net from 'node:net';
import type { ClientConnection } from '../accept/client-connection.js';
import { formatAuthority } from '../policy/authority.js';
import type { JudgedTarget } from '../policy/judged.js';
import type { JobLimiter } from '../rate/job-limiter.js';
import { unreadBytes } from '../rate/unread.js';
import { closeWith, discardInput } from '../refuse/answer.js';
import { Refusal } from '../refuse/refusal.js';
import type { Refuser } from '../refuse/refuser.js';
import type { Recorder } from '../report/recorder.js';
import type { Subject } from '../report/subject.js';
import type { Session, Sessions } from '../sessions.js';
import type { IdleWatch } from '../tunnel/idle.js';
import { WatchedRelay } from '../tunnel/watched-relay.js';
import { buffered } from '../util/buffered.js';
import type { Cancellation } from '../util/cancellation.js';
import { resetSocket } from '../util/reset.js';
import { hasUnknownCoding, type RequestHead, responseLines, trailerLines } from './heads.js';
import { detach } from './http-server.js';
import type { OriginAgent, RouteOptions } from './origin-agent.js';

/** What all requests of a job share. */
export interface ForwardParts {
  readonly recorder: Recorder;
  readonly refuser: Refuser;
  readonly sessions: Sessions;
  readonly agent: OriginAgent;
  readonly idle: IdleWatch;
  readonly limiter: Pick<JobLimiter, 'charge'>;
  /** The header that names the job to origins, and its value. */
  readonly stamp: readonly [name: string, value: string];
  /** Largest head of an answer, bytes. */
  readonly headerBytes: number;
  /** Where requests go to an upstream in absolute form, with these credentials. */
  readonly forward?: { readonly authorization?: string | undefined } | undefined;
}

/** A request that may be passed on. */
interface Allowed {
  readonly connection: ClientConnection;
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly subject: Subject;
  readonly head: RequestHead;
  readonly target: JudgedTarget;
  /** Origin form. */
  readonly path: string;
  readonly cancel: Cancellation;
}

/** Its head to the origin: what of the job's may go there, and what the proxy says. Nothing is sent yet. */
function requestToOrigin(
  { agent, stamp, headerBytes, forward: plain }: ForwardParts,
  { request, head, target, path, cancel }: Allowed,
): http.ClientRequest {
  const forward = target.secure ? undefined : plain;
  const host = formatAuthority(target.authority, target.secure ? 443 : 80);
  const options: http.RequestOptions & RouteOptions = {
    route: { target, cancel },
    agent,
    method: request.method ?? 'GET',
    path: forward ? `http://${host}${path}` : path,
    setHost: false,
    maxHeaderSize: headerBytes,
    insecureHTTPParser: false,
  };
  const upstream = http.request(options);
  upstream.maxHeadersCount = 0;
  upstream.setHeader('Host', host);
  for (let i = 0; i < head.lines.length; i += 2) {
    upstream.appendHeader(head.lines[i] as string, head.lines[i + 1] as string);
  }
  upstream.setHeader(...stamp);
  if (head.maxForwards !== undefined) upstream.setHeader('Max-Forwards', head.maxForwards);
  if (forward?.authorization) upstream.setHeader('Proxy-Authorization', forward.authorization);
  return upstream;
}

/** So many 1xx answers to one request are passed on; an origin that sends more never comes to the point. */
export const MAX_INFORMATION = 20;

/** Repeating these changes nothing (RFC 9110 section 9.2.2). */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** One allowed request on its way to the origin, and the answer on its way back. */
export class Exchange implements Session {
  readonly target: JudgedTarget;
  readonly #with: ForwardParts;
  readonly #parts: Allowed;
  readonly #refuse: (refusal: Refusal) => void;
  #upstream: http.ClientRequest | undefined;
  #answer: http.IncomingMessage | undefined;
  #allowed = false;
  #settled = false;
  #retried = false;
  #information = 0;
  /** Of the origin's connection, before it was used for this. */
  #readBefore = 0;
  #reason: string | undefined;
  #relay: WatchedRelay | undefined;
  #release: () => void = () => {};

  /** @param refuse answers with a denial; only called before anything of an answer was sent */
  constructor(options: ForwardParts, parts: Allowed, refuse: (refusal: Refusal) => void) {
    this.target = parts.target;
    this.#with = options;
    this.#parts = parts;
    this.#refuse = refuse;
  }

  start(): void {
    const paid = this.#with.sessions.began(this);
    if (paid) void paid.then(() => this.#sendUnlessGone());
    else this.#send();
  }

  #sendUnlessGone(): void {
    if (!this.#parts.cancel.cancelled) this.#send();
  }

  get connection(): ClientConnection {
    return this.#parts.connection;
  }

  get held(): number {
    const { connection, request, response } = this.#parts;
    const passed = request.readableLength + response.writableLength + (this.#answer?.readableLength ?? 0);
    return connection.held + passed + buffered(this.#upstream?.socket ?? undefined);
  }

  end(reason: string): void {
    this.#reason ??= reason;
    this.#relay?.end(reason);
    this.#upstream?.destroy();
    this.#parts.connection.stream.destroy();
  }

  #send(): void {
    const { request, head } = this.#parts;
    const upstream = requestToOrigin(this.#with, this.#parts);
    this.#upstream = upstream;
    upstream.on('error', (error) => {
      if (upstream === this.#upstream) this.#failed(error);
    });
    upstream.once('socket', (socket) => this.#connected(socket));
    upstream.once('response', (answer) => this.#respond(answer));
    // Without an answer and without an error: an origin that switches protocols unasked, say.
    upstream.once('close', () => {
      if (upstream === this.#upstream && !this.#settled) this.#failed(new Error('closed without an answer'));
    });
    upstream.on('information', (information) => this.#inform(information));
    const { framing, webSocket } = head;
    if (webSocket) {
      upstream.setHeader('Connection', 'Upgrade');
      upstream.setHeader('Upgrade', 'websocket');
      upstream.once('upgrade', (answer, socket, first) => this.#switch(answer, socket as net.Socket, first));
    }
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
    if (socket === null) return;
    this.#readBefore = socket.bytesRead;
    this.#watchBeginning(socket);
    if (this.#allowed) return;
    this.#allowed = true;
    const { subject, target } = this.#parts;
    this.#with.recorder.allowed(subject, socket.remoteAddress, target.learned);
  }

  /** Ends of lines before an answer are nothing to Node's parser, however many. */
  #watchBeginning(socket: net.Socket): void {
    const most = this.#readBefore + (MAX_INFORMATION + 2) * this.#with.headerBytes;
    const look = () => {
      if (this.#settled) socket.off('data', look);
      else if (socket.bytesRead > most) this.#fail(new Refusal('origin-broken'));
    };
    socket.on('data', look);
  }

  /** 1xx of the origin. HTTP/1.0 knows none (RFC 9110 section 15.2). */
  #inform({ statusCode, rawHeaders }: http.InformationEvent): void {
    const { request, response } = this.#parts;
    // Most of it the job gets nothing of.
    this.#charge(rawHeaders.reduce((sum, text) => sum + text.length, 0));
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
    this.#answer = answer;
    answer.on('error', () => this.#cut('origin-reset'));
    const status = answer.statusCode ?? 0;
    const broken = hasUnknownCoding(answer.rawHeaders) || status < 200 || status > 999;
    // What the upstream wants is not the job's to answer.
    if (this.#with.forward && !this.target.secure && status === 407)
      this.#fail(new Refusal('upstream-failed'));
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

  /** The origin takes the WebSocket: no HTTP is on this connection any more. */
  #switch({ rawHeaders }: http.IncomingMessage, origin: net.Socket, first: Buffer): void {
    const { connection, response } = this.#parts;
    const { stream } = connection;
    if (this.#settled || stream.destroyed) {
      origin.destroy();
      return;
    }
    // Nobody can want one between other requests.
    if (connection.inFlight !== 1 || connection.refused) {
      origin.destroy();
      this.#fail(new Refusal('malformed-request', { detail: 'a WebSocket among other requests' }));
      return;
    }
    this.#settled = true;
    connection.refused = true;
    detach(stream, response);
    const lines = ['Connection', 'Upgrade', 'Upgrade', 'websocket', ...responseLines(rawHeaders)];
    let head = 'HTTP/1.1 101 Switching Protocols\r\n';
    for (let i = 0; i < lines.length; i += 2) head += `${lines[i]}: ${lines[i + 1]}\r\n`;
    stream.write(Buffer.from(`${head}\r\n`, 'latin1'));
    origin.unshift(first);
    const relay = new WatchedRelay(connection, origin, this.#with.idle, (reason) => {
      this.#reason ??= reason;
      this.#charge(relay.unread);
      this.#ended();
    });
    this.#relay = relay;
    relay.start(Buffer.alloc(0));
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
    if (!this.#allowed) this.#fail(this.#with.refuser.refusalFor(error));
    else this.#fail(new Refusal('origin-broken', { cause: error }));
  }

  #fail(refusal: Refusal): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#reason ??= refusal.reason;
    this.#chargeBroken(refusal.cause);
    this.#upstream?.destroy();
    this.#refuse(refusal);
  }

  /** An origin that is cut while it sends what is no answer: Node has done that where its parser says so. */
  #chargeBroken(cause: unknown): void {
    const socket = this.#upstream?.socket;
    if (!socket) return;
    const isRead = socket.readableEnded || (socket.destroyed && !isParseError(cause));
    this.#charge((isRead ? 0 : unreadBytes('unread')) + socket.bytesRead - this.#readBefore);
  }

  /** Part of the answer is out: the client must see that it is not whole. */
  #cut(reason: string): void {
    if (this.#parts.response.writableEnded) return;
    this.#reason ??= reason;
    const { stream } = this.#parts.connection;
    if (this.#parts.request.httpVersion === '1.0') resetSocket(stream);
    else stream.destroy();
  }

  #charge(bytes: number): void {
    this.#with.limiter.charge(bytes, this.target.authority.host);
  }

  #chargeUnread(): void {
    const answer = this.#answer;
    if (answer?.complete || !this.#allowed) return;
    const held = answer && (answer.readableLength > 0 || !answer.readableFlowing);
    const was = held ? 'held' : answer ? 'flowing' : 'unread';
    this.#charge(unreadBytes(was, answer?.readableLength));
  }

  /**
   * The answer is out, or its client is gone. What ended a WebSocket, and when, its relay tells.
   *
   * @param release gives back what it holds of the job's limits, once all of it is over
   */
  over(release: () => void): void {
    this.#release = release;
    if (this.#relay) return;
    if (!this.#parts.response.writableFinished) {
      this.#chargeUnread();
      this.#upstream?.destroy();
    }
    this.#ended();
  }

  #ended(): void {
    const { recorder, sessions } = this.#with;
    const { response, connection, subject } = this.#parts;
    if (this.#allowed) {
      const reason = this.#reason ?? (response.writableFinished ? 'end' : 'client-reset');
      recorder.closed(subject, { kind: 'request', ...connection.takeBytes(), reason });
    }
    sessions.over(this);
    this.#release();
  }
}

function isParseError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('HPE_');
}
