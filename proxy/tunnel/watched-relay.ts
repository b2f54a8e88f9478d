import type net from 'node:net';
import type { ClientConnection } from '../accept/client-connection.js';
import { unreadBytes } from '../rate/unread.js';
import { keepAlive } from '../util/keep-alive.js';
import type { HelloWatch } from './hello-watch.js';
import type { Idler, IdleWatch } from './idle.js';
import { Relay, type RelayReason } from './relay.js';

/** A relay between a connection of the job and an origin that ends once it is idle: of a tunnel, or of a WebSocket. */
export class WatchedRelay implements Idler {
  readonly #connection: ClientConnection;
  readonly #origin: net.Socket;
  readonly #watch: IdleWatch;
  readonly #relay: Relay;
  #writtenBefore = 0;

  /** @param over called once, when both sides are gone, with what ended it */
  constructor(
    connection: ClientConnection,
    origin: net.Socket,
    watch: IdleWatch,
    over: (reason: RelayReason) => void,
  ) {
    this.#connection = connection;
    this.#origin = origin;
    this.#watch = watch;
    this.#relay = new Relay(connection.stream, origin, (reason) => {
      watch.delete(this);
      over(reason);
    });
  }

  /** Bytes from the job to the origin. */
  get up(): number {
    return this.#relay.up;
  }

  /** Bytes from the origin to the job. */
  get down(): number {
    return this.#relay.down;
  }

  /** Bytes that the origin sent and the job never got, once both sides are gone. */
  get unread(): number {
    if (this.#origin.readableEnded) return 0;
    const passed = this.#connection.raw.bytesWritten - this.#writtenBefore;
    const was = this.down === 0 ? 'unread' : this.down > passed ? 'held' : 'flowing';
    return unreadBytes(was, this.#origin.readableLength);
  }

  /** `first`: what the client sent already. */
  start(first: Buffer, hellos?: HelloWatch): void {
    this.#writtenBefore = this.#connection.raw.bytesWritten;
    this.#watch.add(this);
    this.#relay.start(first, hellos);
  }

  /** Cuts both sides. */
  end(reason: RelayReason): void {
    this.#relay.end(reason);
  }

  activity(): number {
    const { bytesRead, bytesWritten } = this.#connection.raw;
    return bytesRead + bytesWritten + this.up + this.down;
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
