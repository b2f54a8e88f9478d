import type net from 'node:net';
import type { ClientStream } from '../accept/client-connection.js';
import { resetSocket } from '../util/reset.js';
import { Direction, type Watch } from './direction.js';
import { SocketReader } from './socket-reader.js';

/** `end`, or what cut it: `client-reset`, `origin-reset`, or the reason given to `end()`. */
export type RelayReason = string;

/**
 * Passes bytes between a job and an origin, both ways, until both are gone: with backpressure, each side's FIN by
 * itself, and resets as resets, so that a cut answer never looks like a complete one. By hand, because
 * `stream.pipeline` costs twice the memory.
 */
export class Relay {
  readonly #client: ClientStream;
  readonly #origin: net.Socket;
  readonly #done: (reason: RelayReason) => void;
  #reason: RelayReason | undefined;
  #up: Direction | undefined;
  #down: Direction | undefined;
  #open = 2;
  /** The side that was closed in good order without a FIN of its own before. */
  #finished: ClientStream | undefined;

  constructor(client: ClientStream, origin: net.Socket, done: (reason: RelayReason) => void) {
    this.#client = client;
    this.#origin = origin;
    this.#done = done;
  }

  /** Bytes from the job to the origin. */
  get up(): number {
    return this.#up?.bytes ?? 0;
  }

  /** Bytes from the origin to the job. */
  get down(): number {
    return this.#down?.bytes ?? 0;
  }

  /** `first`: what the client sent already. `watch` sees what is sent behind it, and what is answered. */
  start(first: Buffer, watch?: Watch): void {
    const client = this.#client;
    const origin = this.#origin;
    client.on('drain', () => origin.resume());
    origin.on('drain', () => client.resume());
    client.on('end', () => this.#ended(origin));
    origin.on('end', () => this.#ended(client));
    client.on('error', () => this.#cut('client-reset'));
    origin.on('error', () => this.#cut('origin-reset'));
    client.on('close', () => this.#closed('client-reset'));
    origin.on('close', () => this.#closed('origin-reset'));
    // One that closed before there were listeners tells nobody any more.
    if (client.closed) this.#closed('client-reset');
    if (origin.closed) this.#closed('origin-reset');
    if (client.destroyed || origin.destroyed) return;
    this.#up = new Direction('up', watch);
    this.#down = new Direction('down', watch);
    if (first.length > 0) {
      this.#up.bytes += first.length;
      origin.write(first);
    }
    pass(client, origin, this.#up);
    pass(origin, client, this.#down);
    if (client.readableEnded) this.#ended(origin);
    if (origin.readableEnded) this.#ended(client);
    if (origin.writableNeedDrain) client.pause();
    else client.resume();
    origin.resume();
  }

  /** Cuts both sides. */
  end(reason: RelayReason): void {
    this.#reason ??= reason;
    this.#client.destroy();
    this.#origin.destroy();
  }

  /** Nothing more comes for `to`. Where it has said so itself, closing it says it with one system call less. */
  #ended(to: ClientStream): void {
    if (to.readableEnded && to.writableLength === 0 && !to.writableEnded) {
      this.#finished ??= to;
      to.destroy();
    } else to.end();
  }

  #cut(reason: RelayReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    resetSocket(reason === 'client-reset' ? this.#origin : this.#client);
  }

  #closed(reason: RelayReason): void {
    this.#open--;
    const side = reason === 'client-reset' ? this.#client : this.#origin;
    const whole = side === this.#finished || (side.readableEnded && side.writableFinished);
    if (!whole) this.#cut(reason);
    else if (side === this.#client && !this.#origin.readableEnded) {
      // Nobody is there for what it still sends.
      this.#finished = this.#origin;
      this.#origin.destroySoon();
    }
    if (this.#open === 0) this.#done(this.#reason ?? 'end');
  }
}

/** Bytes from one side to the other; who resumes a paused `from` listens to `drain`. */
function pass(from: ClientStream, to: ClientStream, direction: Direction): void {
  const reader = SocketReader.of(from);
  if (reader) {
    reader.relayTo(to, direction);
    return;
  }
  from.on('data', (chunk: Buffer) => {
    const bytes = direction.pass(chunk);
    if (bytes.length > 0 && !to.write(bytes)) from.pause();
  });
}
