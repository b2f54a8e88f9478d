import type net from 'node:net';
import type { Core } from '../core.js';
import { DENIALS, type DenialReason } from '../policy/denials.js';
import type { JobLimiter } from '../rate/job-limiter.js';
import { closeWith, denialText } from '../refuse/answer.js';
import { resetSocket } from '../util/reset.js';
import { ClientConnection } from './client-connection.js';
import { Clients } from './clients.js';
import type { Service } from './dispatch.js';

/** Refused connections that may still be read from at once; a flood beyond it is reset unanswered. */
const MAX_REFUSING = 128;

export interface ReceptionOptions {
  readonly core: Core;
  readonly limiter: JobLimiter;
  readonly service: Service;
  /** Called whenever a connection is gone. */
  readonly onGone: () => void;
}

/** Lets connections in or refuses them, before anything is read, and knows all that are open. */
export class Reception {
  readonly #with: ReceptionOptions;
  readonly #connections = new Map<net.Socket, ClientConnection>();
  readonly #refusing = new Set<net.Socket>();
  #clients = new Clients([]);
  #nextId = 1;
  #pastUp = 0;
  #pastDown = 0;

  constructor(options: ReceptionOptions) {
    this.#with = options;
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

  /** Replaces the ranges of clients; connections of others end. Throws TypeError on a range that is not valid. */
  setClients(cidrs: readonly string[]): void {
    this.#clients = new Clients(cidrs);
    for (const { raw, client } of this.#connections.values()) {
      if (!this.#clients.includes(client)) raw.destroy();
    }
  }

  accept(raw: net.Socket): void {
    const { core, limiter, service, onGone } = this.#with;
    raw.on('error', ignore);
    const client = raw.remoteAddress ?? '';
    const id = this.#nextId++;
    const leave = this.#admit(client);
    if (typeof leave === 'string') {
      this.#refuse(raw, id, leave);
      return;
    }
    const connection = new ClientConnection({
      id,
      raw,
      stream: limiter.throttle(raw),
      client,
      headerTimeoutMs: core.policy.operator.limits.headerTimeoutMs,
      onHeaderTimeout: (late) => service.headerTimeout(late),
    });
    this.#connections.set(raw, connection);
    raw.once('close', () => {
      this.#connections.delete(raw);
      this.#pastUp += raw.bytesRead;
      this.#pastDown += raw.bytesWritten;
      leave();
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

  /** What leaves again, or the reason why not. */
  #admit(client: string): (() => void) | DenialReason {
    const { core } = this.#with;
    const { connections, connectionRate } = core.gates;
    if (!this.#clients.includes(client)) return 'client-not-allowed';
    if (core.closing) return 'closing';
    if (!connectionRate.admit()) return 'connection-rate';
    return connections.enter() ?? connections.reason;
  }

  #refuse(raw: net.Socket, connection: number, reason: DenialReason): void {
    const { recorder, policy } = this.#with.core;
    const subject = { connection, client: raw.remoteAddress ?? '', method: '-', host: '', port: 0 };
    recorder.denied({ ...subject, since: performance.now() }, reason, DENIALS[reason].status);
    if (this.#refusing.size >= MAX_REFUSING) {
      resetSocket(raw);
      return;
    }
    this.#refusing.add(raw);
    raw.once('close', () => this.#refusing.delete(raw));
    closeWith(raw, denialText({ reason, host: '', port: 0, job: policy.job.job }));
  }
}

function whenClosed(socket: net.Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));
}

function ignore(): void {}
