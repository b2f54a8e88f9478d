import type net from 'node:net';
import type { DenialReason } from '../policy/denials.js';
import type { JobLimiter } from '../rate/job-limiter.js';
import { closeWith } from '../refuse/answer.js';
import { Refusal } from '../refuse/refusal.js';
import type { Refuser } from '../refuse/refuser.js';
import { subjectOf } from '../report/subject.js';
import type { Sessions } from '../sessions.js';
import { resetSocket } from '../util/reset.js';
import type { Semaphore } from '../util/semaphore.js';
import { ClientConnection } from './client-connection.js';
import { Clients } from './clients.js';
import type { ConnectionRate } from './connection-rate.js';
import type { DescriptorShare } from './descriptors.js';

/** Refused connections that may still be read from at once; a flood beyond it is reset unanswered. */
const MAX_REFUSING = 128;

/** What serves the connections of a listener. */
export interface ConnectionService {
  serve(connection: ClientConnection): void;
  /** A head began and did not end in time. */
  headerTimeout(connection: ClientConnection): void;
  /** The last words to whom is not let in, before anything of it was read. @param text as HTTP */
  refusal(text: string): string | Buffer;
}

interface AcceptorParts {
  readonly refuser: Refuser;
  readonly sessions: Sessions;
  /** Connections open at once. */
  readonly connections: Semaphore;
  /** Of this process, for connections of this job. */
  readonly descriptors: Pick<DescriptorShare, 'acquire'>;
  readonly connectionRate: ConnectionRate;
  readonly limiter: JobLimiter;
  /** Time for a request head, ms. */
  readonly headerTimeoutMs: number;
  /** Called whenever a connection is gone. */
  readonly onGone: () => void;
}

/** Lets connections in or refuses them, before anything is read, and knows all that are open. */
export class Acceptor {
  readonly #with: AcceptorParts;
  readonly #connections = new Map<net.Socket, ClientConnection>();
  readonly #refusing = new Set<net.Socket>();
  #clients = new Clients([]);
  #nextId = 1;
  #pastUp = 0;
  #pastDown = 0;

  constructor(parts: AcceptorParts) {
    this.#with = parts;
  }

  get isEmpty(): boolean {
    return this.#connections.size === 0;
  }

  /** Bytes of all connections so far. */
  get bytes(): { up: number; down: number } {
    let up = this.#pastUp;
    let down = this.#pastDown;
    for (const { raw } of this.#connections.values()) {
      up += raw.bytesRead;
      down += raw.bytesWritten;
    }
    return { up, down };
  }

  /** Replaces the ranges of clients; connections of others end. @throws PolicyError on a range that is not valid. */
  setClients(cidrs: readonly string[]): void {
    this.#clients = new Clients(cidrs);
    for (const { raw, client } of this.#connections.values()) {
      if (!this.#clients.includes(client)) raw.destroy();
    }
  }

  /** Those that no limit was put before. */
  get unlimited(): ClientConnection[] {
    return [...this.#connections.values()].filter(({ raw, stream }) => raw === stream);
  }

  /** Whether an address is one of a client. */
  isClient(address: string): boolean {
    return this.#clients.includes(address);
  }

  /** @param direct the port that it is for, where programs connect to it that know of no proxy */
  accept(raw: net.Socket, service: ConnectionService, direct?: number): void {
    const { limiter, headerTimeoutMs, onGone } = this.#with;
    raw.on('error', ignore);
    const client = raw.remoteAddress ?? '';
    const id = this.#nextId++;
    const release = this.#admit(client);
    if (typeof release === 'string') {
      this.#refuse(raw, { id, client, direct }, release, service);
      return;
    }
    const connection = new ClientConnection({
      id,
      raw,
      stream: limiter.throttle(raw),
      client,
      direct,
      headerTimeoutMs,
      onHeaderTimeout: (late) => service.headerTimeout(late),
    });
    this.#connections.set(raw, connection);
    raw.on('close', () => {
      this.#connections.delete(raw);
      this.#pastUp += raw.bytesRead;
      this.#pastDown += raw.bytesWritten;
      release();
      onGone();
    });
    service.serve(connection);
  }

  /** Closes connections that wait for their next request: they have nothing to finish. */
  closeIdle(): void {
    for (const connection of this.#connections.values()) {
      if (connection.isIdle) connection.stream.destroy();
    }
  }

  /** Cuts all connections; settles when they are gone. */
  async close(): Promise<void> {
    const sockets = [...this.#connections.keys(), ...this.#refusing];
    const gone = sockets.map(whenClosed);
    for (const socket of sockets) socket.destroy();
    await Promise.all(gone);
  }

  /** What releases its place again, or the reason why it gets none. */
  #admit(client: string): (() => void) | DenialReason {
    const { connections, descriptors, connectionRate, sessions } = this.#with;
    if (!this.#clients.includes(client)) return 'client-not-allowed';
    if (sessions.closing) return 'closing';
    if (!connectionRate.admit()) return 'connection-rate';
    const release = connections.acquire();
    const giveBack = release && descriptors.acquire();
    if (release && giveBack) {
      return () => {
        release();
        giveBack();
      };
    }
    release?.();
    return connections.reason;
  }

  #refuse(
    raw: net.Socket,
    speaker: { id: number; client: string; direct: number | undefined },
    reason: DenialReason,
    service: ConnectionService,
  ): void {
    const { text } = this.#with.refuser.answer(subjectOf(speaker), new Refusal(reason));
    if (this.#refusing.size >= MAX_REFUSING) {
      resetSocket(raw);
      return;
    }
    this.#refusing.add(raw);
    raw.once('close', () => this.#refusing.delete(raw));
    closeWith(raw, service.refusal(text));
  }
}

function whenClosed(socket: net.Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));
}

function ignore(): void {}
