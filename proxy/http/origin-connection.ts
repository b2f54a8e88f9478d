import type net from 'node:net';
import type { JudgedTarget } from '../policy/judged.js';
import { keepAlive } from '../util/keep-alive.js';

/** Whose request is on a connection. */
export interface OriginUser {
  bytes(chunk: Buffer): void;
  /** The origin has ended its side. */
  ended(): void;
  /** Nothing more comes, and not everything was said. */
  gone(): void;
}

/** A connection to an origin that one request after the other is sent on. Between them it must be silent. */
export class OriginConnection {
  readonly socket: net.Socket;
  /** What it was dialled for. */
  readonly target: JudgedTarget;
  /** Whether it has served a request before. */
  reused = false;
  freeUntil = 0;
  #user: OriginUser | undefined;
  #ended = false;
  readonly #onIdle: (connection: OriginConnection) => void;

  /** @param onIdle called when it ends, or says something, while nobody uses it: it is destroyed then */
  constructor(socket: net.Socket, target: JudgedTarget, onIdle: (connection: OriginConnection) => void) {
    this.socket = socket;
    this.target = target;
    this.#onIdle = onIdle;
    keepAlive(socket);
    // One that the origin ends must not leave half of it for the next request.
    socket.allowHalfOpen = false;
    socket.on('data', (chunk: Buffer) => {
      if (this.#user) this.#user.bytes(chunk);
      else this.#idle();
    });
    socket.on('end', () => {
      this.#ended = true;
      if (this.#user) this.#user.ended();
      else this.#idle();
    });
    socket.on('close', () => {
      if (!this.#user) this.#idle();
      else if (!this.#ended) this.#user.gone();
    });
  }

  get isOpen(): boolean {
    return !this.#ended && !this.socket.destroyed;
  }

  use(user: OriginUser): void {
    this.#user = user;
  }

  /** Nobody uses it until then, ms of `performance.now()`. */
  free(until: number): void {
    this.#user = undefined;
    this.reused = true;
    this.freeUntil = until;
  }

  destroy(): void {
    this.#user = undefined;
    this.socket.destroy();
  }

  #idle(): void {
    this.socket.destroy();
    this.#onIdle(this);
  }
}
