import type { RawClient } from '../support/raw-client.js';
import { Mismatch } from './runner.js';

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
}

/** Reads final answers off a connection, one by one. Undefined where the peer closed before the answer was whole. */
export class AnswerReader {
  #at = 0;
  readonly #client: RawClient;

  constructor(client: RawClient) {
    this.#client = client;
  }

  async next(method = 'GET'): Promise<Answer | undefined> {
    for (;;) {
      const head = await this.#head();
      if (head === undefined) return undefined;
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
      if (!status) throw new Mismatch(`not an answer: ${JSON.stringify(head)}`);
      if (status < 200) continue;
      if (method === 'HEAD' || status === 204 || status === 304)
        return { status, head, body: Buffer.alloc(0) };
      const length = /^content-length: (\d+)$/im.exec(head)?.[1];
      const body = length === undefined ? await this.#chunks(head) : await this.#take(Number(length));
      return body && { status, head, body };
    }
  }

  async #head(): Promise<string | undefined> {
    for (let known = 0; ; ) {
      const rest = this.#client.bytes.subarray(this.#at);
      const end = rest.indexOf('\r\n\r\n', Math.max(0, known - 3));
      if (end >= 0) {
        this.#at += end + 4;
        return rest.toString('latin1', 0, end);
      }
      known = rest.length;
      if ((await this.#client.untilBytes(this.#at + known + 1)).length <= this.#at + known) return undefined;
    }
  }

  async #take(length: number): Promise<Buffer | undefined> {
    const end = this.#at + length;
    const bytes = await this.#client.untilBytes(end);
    if (bytes.length < end) return undefined;
    const taken = bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  async #chunks(head: string): Promise<Buffer | undefined> {
    if (!/^transfer-encoding: chunked$/im.test(head)) {
      await this.#client.untilEnd();
      return this.#take(this.#client.bytes.length - this.#at);
    }
    const parts: Buffer[] = [];
    for (;;) {
      let line = '';
      while (!line.endsWith('\r\n')) {
        const byte = await this.#take(1);
        if (byte === undefined) return undefined;
        line += byte.toString('latin1');
      }
      const size = Number.parseInt(line, 16);
      const chunk = await this.#take(size + 2);
      if (chunk === undefined) return undefined;
      if (size === 0) return Buffer.concat(parts);
      parts.push(chunk.subarray(0, size));
    }
  }
}
