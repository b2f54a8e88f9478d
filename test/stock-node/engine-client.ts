import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { isOlder } from './versions.js';

/** The engine said no, in its own form. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(`Error response from daemon: ${message}`);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what it is
export type Json = any;

/** What a node's client is to an engine: plain HTTP over its socket, of the version that both know. */
export class EngineClient {
  /** As agreed with the engine; empty before. */
  version = '';
  readonly #agent = new Agent({ keepAlive: true });
  readonly #closed = new AbortController();

  constructor(
    readonly socketPath: string,
    readonly known: { readonly api: string; readonly host: string },
  ) {}

  /** The first thing that it does. */
  async negotiate(): Promise<void> {
    const answer = await this.#send('HEAD', '/_ping');
    answer.resume();
    const engine = String(answer.headers['api-version'] ?? '1.24');
    this.version = isOlder(engine, this.known.api) ? engine : this.known.api;
  }

  /** Throws an EngineError for a status of 400 or more. A 304 (it is so already) is a success. */
  async ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Json> {
    const answer = await this.stream(method, path, body, signal);
    const content = await text(answer);
    return content === '' ? undefined : JSON.parse(content);
  }

  /** The same, for what is read piece by piece. */
  async stream(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const answer = await this.#send(method, `/v${this.version}${path}`, body, signal);
    const status = answer.statusCode ?? 0;
    if (status < 400) return answer;
    const content = await text(answer);
    throw new EngineError(status, messageOf(content));
  }

  /** Ends all that is open, as the end of the process does. */
  close(): void {
    this.#closed.abort(new Error('the node ended'));
    this.#agent.destroy();
  }

  #send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const signals = [this.#closed.signal, ...(signal ? [signal] : [])];
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          socketPath: this.socketPath,
          agent: this.#agent,
          method,
          path,
          signal: AbortSignal.any(signals),
          headers: {
            Host: this.known.host,
            'User-Agent': 'Go-http-client/1.1',
            ...(content !== undefined && {
              'Content-Length': Buffer.byteLength(content),
              'Content-Type': 'application/json',
            }),
            ...(path.includes('/images/create') && { 'X-Registry-Auth': '' }),
          },
        },
        resolve,
      );
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // The engine closed a connection that had nothing to do: asked again, as Go does.
        if (sent.reusedSocket && error.code === 'ECONNRESET') resolve(this.#send(method, path, body, signal));
        else reject(error);
      });
      sent.end(content);
    });
  }
}

function messageOf(content: string): string {
  try {
    return JSON.parse(content).message;
  } catch {
    return content.trim();
  }
}

/** Reads a container's output as the engine frames it; to its end. */
export async function readFrames(
  stream: AsyncIterable<Buffer>,
  onOutput: (source: 'stdout' | 'stderr', data: Buffer) => void,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8) {
      const end = 8 + rest.readUInt32BE(4);
      if (rest.length < end) break;
      onOutput(rest[0] === 2 ? 'stderr' : 'stdout', rest.subarray(8, end));
      rest = rest.subarray(end);
    }
  }
}
