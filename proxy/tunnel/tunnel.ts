import type net from 'node:net';
import type { ClientConnection } from '../accept/client-connection.js';
import type { DenialReason } from '../policy/denials.js';
import type { JudgedTarget } from '../policy/judged.js';
import type { OperatorPolicy } from '../policy/policy.js';
import type { JobLimiter } from '../rate/job-limiter.js';
import { unreadBytes } from '../rate/unread.js';
import type { Refuser } from '../refuse/refuser.js';
import type { Recorder } from '../report/recorder.js';
import type { Subject } from '../report/subject.js';
import type { Session, Sessions } from '../sessions.js';
import { buffered } from '../util/buffered.js';
import { HelloWatch } from './hello-watch.js';
import type { IdleWatch } from './idle.js';
import { type Inspection, inspect } from './inspect.js';
import type { LargeBuffers } from './large-buffers.js';
import { SocketReader } from './socket-reader.js';
import { WatchedRelay } from './watched-relay.js';

/** An origin of which nothing was read has sent more than a first window after so long, ms. */
const FIRST_MS = 100;

/** What all tunnels of a job share. */
export interface TunnelParts {
  readonly recorder: Recorder;
  readonly refuser: Refuser;
  readonly limiter: Pick<JobLimiter, 'charge'>;
  readonly sessions: Sessions;
  readonly idle: IdleWatch;
  /** For tunnels as fast as the machine; none where the job has a rate: its tokens are slower than any read. */
  readonly large: LargeBuffers;
  readonly operator: Pick<OperatorPolicy, 'checkTunnels' | 'limits'>;
  /** Serves the HTTP inside a tunnel. */
  readonly serveInside: (connection: ClientConnection) => void;
}

/**
 * A tunnel from its beginning to its end: first bytes judged, then relayed, or served as HTTP. Nothing that the origin
 * says reaches the job before the job has shown what it speaks.
 */
export class Tunnel implements Session {
  readonly target: JudgedTarget;
  readonly #with: TunnelParts;
  readonly #connection: ClientConnection;
  readonly #origin: net.Socket;
  readonly #subject: Subject;
  readonly #relay: WatchedRelay;
  readonly #left: () => void;
  /** Whether the origin's connection is used: not where requests are read from the tunnel. */
  #relaying = false;
  #reason: string | undefined;
  #isOver = false;

  /** @param left called once, when it is over */
  constructor(
    parts: TunnelParts,
    connection: ClientConnection,
    { target, origin, subject }: { target: JudgedTarget; origin: net.Socket; subject: Subject },
    left: () => void,
  ) {
    this.#with = parts;
    this.#connection = connection;
    this.target = target;
    this.#origin = origin;
    this.#subject = subject;
    this.#left = left;
    this.#relay = new WatchedRelay(connection, origin, parts.idle, (reason) => this.#over(reason));
    parts.sessions.began(this);
  }

  /** `head`: what the client sent right behind its CONNECT. */
  start(head: Buffer): void {
    const { stream } = this.#connection;
    const { checkTunnels, limits } = this.#with.operator;
    if (!checkTunnels && !this.target.plainOnly) {
      this.#startRelay(head);
      return;
    }
    stream.on('close', this.#closedEarly);
    // An origin that goes away meanwhile must not leave the client waiting.
    this.#origin.on('close', this.#closedEarly);
    if (head.length > 0) stream.unshift(head);
    const { helloTimeoutMs: timeoutMs, headerBytes: maxLine } = limits;
    inspect(stream, { authority: this.target.authority, timeoutMs, maxLine }, (inspection) =>
      this.#inspected(inspection),
    );
  }

  /** Instead of `start`: with a ClientHello for the target, which was read before. */
  startTls(hello: Buffer): void {
    const watch = new HelloWatch(this.target.authority, (reason, detail) => this.#deny(reason, detail));
    this.#startRelay(hello, watch);
  }

  get connection(): ClientConnection {
    return this.#connection;
  }

  get held(): number {
    return this.#connection.held + buffered(this.#origin);
  }

  end(reason: string): void {
    this.#reason ??= reason;
    this.#relay.end(reason);
  }

  #inspected(inspection: Inspection): void {
    if (this.#reason !== undefined) return;
    switch (inspection.kind) {
      case 'tls':
        if (this.target.plainOnly) {
          this.#deny('tls-to-plain-port', undefined);
          return;
        }
        this.startTls(inspection.bytes);
        return;
      case 'http':
        this.#serveHttp(inspection.bytes);
        return;
      case 'gone':
        this.end('end');
        return;
      case 'denied':
        this.#deny(inspection.reason, inspection.detail);
    }
  }

  #deny(reason: DenialReason, detail: string | undefined): void {
    const { remoteAddress: address } = this.#origin;
    this.#with.refuser.unanswered(this.#subject, reason, { address, detail });
    this.end(reason);
  }

  #startRelay(first: Buffer, watch?: HelloWatch): void {
    this.#relaying = true;
    const { raw, stream } = this.#connection;
    // Behind a limit it is read as the tokens come.
    if (stream === raw) SocketReader.adopt(raw, this.#with.large);
    this.#relay.start(first, watch);
  }

  /** Each request inside is dialled for by itself: to the tunnel's authority, under the pinning rule. */
  #serveHttp(bytes: Buffer): void {
    const { stream } = this.#connection;
    this.#origin.off('close', this.#closedEarly);
    this.#origin.destroy();
    this.#connection.tunnel = this.target;
    stream.pause();
    stream.unshift(bytes);
    this.#with.serveInside(this.#connection);
  }

  /** One side is gone and nothing is relayed: the other goes as well. */
  readonly #closedEarly = (): void => {
    if (this.#relaying) return;
    const { stream } = this.#connection;
    this.#reason ??= stream.destroyed ? 'end' : 'origin-reset';
    this.#relay.end(this.#reason);
    if (stream.closed) this.#over(this.#reason);
  };

  #over(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#left();
    const { up, down, unread } = this.#relay;
    // Where requests are read from it, its connection was closed when the first one came.
    const brief = this.#connection.tunnel || performance.now() - this.#subject.since <= FIRST_MS;
    const { host } = this.target.authority;
    this.#with.limiter.charge(this.#relaying ? unread : unreadBytes(brief ? 'unread' : 'held'), host);
    this.#with.recorder.closed(this.#subject, { kind: 'tunnel', up, down, reason: this.#reason ?? reason });
    this.#with.sessions.over(this);
  }
}
