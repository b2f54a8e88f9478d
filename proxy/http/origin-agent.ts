import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type { JudgedTarget } from '../policy/judged.js';
import type { Cancellation } from '../util/cancellation.js';
import { keepAlive } from '../util/keep-alive.js';

/** How long a connection to an origin is kept for the next request, ms, unless the origin says less. */
export const FREE_MS = 10_000;
/** Connections kept at once, over all origins; as many again for simple requests. */
export const MAX_FREE = 128;

/** What a request hands to the agent beside Node's own options. */
export interface RouteOptions {
  readonly route: Route;
}

interface Route {
  readonly target: JudgedTarget;
  /** Ends with the request. */
  readonly cancel: Cancellation;
}

type Dial = (target: JudgedTarget, cancel: Cancellation) => Promise<net.Socket>;

/**
 * Connections to origins for plain requests. A kept one serves a later request only for the same authority, and only
 * if that was just resolved and judged to exactly the addresses that the connection was made for.
 */
export class OriginAgent extends http.Agent {
  readonly #dial: Dial;
  readonly #targets = new WeakMap<net.Socket, JudgedTarget>();

  constructor(dial: Dial) {
    super({ keepAlive: true, timeout: FREE_MS });
    this.#dial = dial;
  }

  override getName(options?: http.RequestOptions): string {
    return keyOf(routeOf(options).target);
  }

  override createConnection(
    options: http.ClientRequestArgs,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): null {
    const { target, cancel } = routeOf(options);
    this.#dial(target, cancel).then(
      (socket) => {
        this.#targets.set(socket, target);
        keepAlive(socket);
        // An origin that ends a kept connection must not leave half of it for the next request.
        socket.allowHalfOpen = false;
        callback?.(null, socket);
      },
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    );
    return null;
  }

  /** Asked by Node for each connection that has become free. */
  override keepSocketAlive(socket: net.Socket): boolean {
    const free = Object.values(this.freeSockets).reduce((sum, list) => sum + (list?.length ?? 0), 0);
    return free < MAX_FREE && Boolean(super.keepSocketAlive(socket));
  }

  /** Throws away what is kept for a target: one of them turned out to be dead. */
  discardFree(target: JudgedTarget): void {
    for (const socket of this.freeSockets[keyOf(target)] ?? []) socket.destroy();
  }

  /** The same for all such targets. */
  discardAll(which: (target: JudgedTarget) => boolean): void {
    for (const socket of Object.values(this.freeSockets).flatMap((list) => list ?? [])) {
      const target = this.#targets.get(socket);
      if (target && which(target)) socket.destroy();
    }
  }
}

function routeOf(options: object | undefined): Route {
  return (options as RouteOptions).route;
}

export function keyOf({ authority: { host, port }, addresses, secure }: JudgedTarget): string {
  const list = addresses.map(({ address }) => address).sort();
  return `${secure ? 'tls ' : ''}${host} ${port} ${list.join(' ')}`;
}
