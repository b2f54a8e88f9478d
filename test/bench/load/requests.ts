import type net from 'node:net';
import { connectFast } from './fast-socket.js';
import { BODY, type OriginPorts } from './origins.js';
import type { Via } from './tunnel.js';
import { type Sample, sample, type WindowOptions } from './window.js';

export interface RequestWork extends WindowOptions {
  readonly via: Via;
  /** Connections, each with one request at a time. */
  readonly connections: number;
}

/** Plain GET requests per second, on connections that are kept as long as the other side lets them. */
export async function requests(origins: OriginPorts, work: RequestWork): Promise<Sample> {
  let done = 0;
  const clients = Array.from(
    { length: work.connections },
    () => new Requester(origins, work.via, () => done++),
  );
  for (const client of clients) client.send();
  const result = await sample(work, () => done);
  for (const client of clients) client.close();
  return result;
}

/** One connection that sends a request as soon as the answer to the one before is there. */
export class Requester {
  readonly #port: number;
  readonly #request: Buffer;
  readonly #answered: () => void;
  #socket: net.Socket | undefined;
  #head = '';
  #body = -1;
  #closed = false;
  #again = true;

  constructor(origins: OriginPorts, { proxy, host }: Via, answered: () => void, again = true) {
    this.#port = proxy ?? origins.http;
    const authority = `${host}:${origins.http}`;
    const target = proxy === undefined ? '/' : `http://${authority}/`;
    this.#request = Buffer.from(
      `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`,
    );
    this.#answered = answered;
    this.#again = again;
  }

  send(): void {
    if (this.#closed) return;
    if (this.#socket === undefined || this.#socket.destroyed) {
      this.#socket = connectFast(this.#port, this.#onBytes);
      // A proxy that keeps no connections is asked over a new one.
      this.#socket.once('close', () => {
        if (this.#again && this.#socket?.destroyed) this.send();
      });
    }
    this.#head = '';
    this.#body = -1;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  readonly #onBytes = (bytes: Buffer): void => {
    if (this.#body < 0) {
      this.#head += bytes.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.#head.startsWith('200', 9)) throw new Error(`answered with ${this.#head}`);
      this.#body = this.#head.length - end - 4;
    } else {
      this.#body += bytes.length;
    }
    if (this.#body < BODY.length) return;
    this.#answered();
    if (/\r\nconnection: close\r\n/i.test(this.#head)) this.#socket?.destroy();
    else if (this.#again) this.send();
  };
}
