import type net from 'node:net';
import type { ClientConnection } from '../accept/client-connection.js';
import type { Idler, IdleWatch } from '../tunnel/idle.js';
import { Relay } from '../tunnel/relay.js';
import { keepAlive } from '../util/keep-alive.js';

/** What a WebSocket becomes once both sides have agreed (RFC 6455 section 4): bytes both ways, as in a tunnel. */
export class WebSocketRelay implements Idler {
  readonly #connection: ClientConnection;
  readonly #origin: net.Socket;
  readonly #relay: Relay;

  /** @param over called once, with what ended it */
  constructor(
    connection: ClientConnection,
    origin: net.Socket,
    idle: IdleWatch,
    over: (reason: string) => void,
  ) {
    this.#connection = connection;
    this.#origin = origin;
    this.#relay = new Relay(connection.stream, origin, (reason) => {
      idle.delete(this);
      over(reason);
    });
    idle.add(this);
    this.#relay.start(Buffer.alloc(0));
  }

  end(reason: string): void {
    this.#relay.end(reason);
  }

  activity(): number {
    const { bytesRead, bytesWritten } = this.#connection.raw;
    return bytesRead + bytesWritten + this.#relay.up + this.#relay.down;
  }

  waiting(): boolean {
    return this.#connection.waitsForTokens;
  }

  lasting(): void {
    keepAlive(this.#connection.raw);
    keepAlive(this.#origin);
  }

  idle(): void {
    this.end('idle');
  }
}
