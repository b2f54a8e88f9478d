import net from 'node:net';

/** A connection that sends exactly the bytes it is told to, and keeps all that it gets. */
export class RawClient implements AsyncDisposable {
  readonly socket: net.Socket;
  #received: Buffer[] = [];
  #length = 0;
  #wake = new Set<() => void>();
  /** Whether the peer's FIN has come. */
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#length += chunk.length;
      this.#changed();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#changed();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = true;
      this.#changed();
    });
  }

  /** @param at a port, or the path of a unix socket */
  static async connect(at: number | string, host = '127.0.0.1', localAddress?: string): Promise<RawClient> {
    const socket = net.connect({
      ...(typeof at === 'string' ? { path: at } : { host, port: at }),
      allowHalfOpen: true,
      noDelay: true,
      ...(localAddress && { localAddress }),
    });
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Connects, sends a text as latin1 bytes, and gives all that comes until the peer closes. */
  static async exchange(at: number | string, text: string | Buffer): Promise<string> {
    await using client = await RawClient.connect(at);
    client.send(text);
    await client.untilEnd();
    return client.text;
  }

  get bytes(): Buffer {
    if (this.#received.length !== 1) this.#received = [Buffer.concat(this.#received)];
    return this.#received[0] as Buffer;
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends in pieces of `size` bytes, each in a segment of its own. */
  async sendPieces(bytes: Buffer, size: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += size) {
      if (this.closed) return;
      this.send(bytes.subarray(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Sends a FIN. */
  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Waits for a text, and gives everything so far. Rejects when the peer closes first. */
  async until(text: string): Promise<string> {
    await this.#when(() => this.text.includes(text) || this.ended || this.closed);
    if (!this.text.includes(text)) throw new Error(`closed after ${JSON.stringify(this.text)}`);
    return this.text;
  }

  async untilBytes(length: number): Promise<Buffer> {
    await this.#when(() => this.#length >= length || this.ended || this.closed);
    return this.bytes;
  }

  /** Waits for the peer's FIN or reset. */
  async untilEnd(): Promise<void> {
    await this.#when(() => this.ended || this.closed);
  }

  /** Opens a tunnel; what was received is forgotten once its answer is there. */
  async connectTo(authority: string, behind: string | Buffer = ''): Promise<string> {
    this.send(
      Buffer.concat([
        Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`),
        Buffer.from(behind),
      ]),
    );
    const answer = await this.until('\r\n\r\n');
    const end = answer.indexOf('\r\n\r\n') + 4;
    const rest = this.bytes.subarray(end);
    this.#received = [rest];
    this.#length = rest.length;
    return answer.slice(0, end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.#when(() => this.closed);
  }

  #changed(): void {
    for (const wake of this.#wake) wake();
  }

  #when(test: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!test()) return;
        this.#wake.delete(look);
        resolve();
      };
      this.#wake.add(look);
      look();
    });
  }
}

/** Status of an HTTP answer. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1]);
}

/** Reason in the deny header of an HTTP answer; undefined where there is none. */
export function denialOf(answer: string): string | undefined {
  return /^X-Jobgate-Deny: (.*)\r$/m.exec(answer)?.[1];
}
