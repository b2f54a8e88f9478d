import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { stringifyExact } from '../../admission/stringify-exact.js';
import type { Engine } from '../../docker/engine/engine.js';
import { EngineError } from '../../docker/engine/errors.js';
import { GateRefusal } from './refusal.js';

/** Where the engine listens, as Node's client and http-proxy take it. */
export type EngineAddress =
  | { readonly protocol: 'http:'; readonly socketPath: string }
  | ({ readonly protocol: 'http:' | 'https:'; readonly host: string; readonly port: number } & NonNullable<
      Engine['endpoint']['tls']
    >);

export interface EngineAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: Buffer;
}

interface Question {
  readonly body?: unknown;
  readonly headers?: http.OutgoingHttpHeaders;
}

/** Of an answer that is read whole, bytes. */
const MAX_ANSWER = 64 << 20;

/** An engine's answer to a question for a connection of its own. */
export type Upgraded =
  | {
      readonly kind: 'connection';
      readonly socket: Socket;
      readonly head: Buffer;
      readonly type: string | undefined;
    }
  | { readonly kind: 'answer'; readonly answer: EngineAnswer };

/** Asks the engine in the client's own API version, so that answers have the shape that the client expects. */
export class EngineAsks {
  readonly #engine: () => Engine;
  readonly #agents = { 'http:': agentOf(http), 'https:': agentOf(https) };

  /** @param engine throws EngineError while there is none. */
  constructor(engine: () => Engine) {
    this.#engine = engine;
  }

  /** @throws EngineError while there is none. */
  get address(): EngineAddress {
    const { url, tls } = this.#engine().endpoint;
    if (url.startsWith('unix://')) return { protocol: 'http:', socketPath: url.slice('unix://'.length) };
    const { hostname, port } = new URL(url);
    const protocol = tls ? 'https:' : 'http:';
    return { protocol, host: hostname, port: Number(port || (tls ? 2376 : 2375)), ...tls };
  }

  /** For requests that are passed on: connections are kept, since a new one for each is a third of their cost. */
  get agent(): http.Agent {
    return this.#agents[this.address.protocol];
  }

  /** @throws EngineError where none answers. */
  async ask(method: string, path: string, question: Question = {}): Promise<EngineAnswer> {
    const request = this.request(method, path, question);
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', (error) => reject(noAnswer(error)));
    });
    return readAnswer(response);
  }

  /** The JSON of an answer. @throws GateRefusal with the engine's own refusal. */
  async read<T>(method: string, path: string, question: Question = {}): Promise<T> {
    const { status, body } = await this.ask(method, path, question);
    if (status >= 300) throw new GateRefusal(status, messageOf(body));
    return (body.length === 0 ? undefined : JSON.parse(body.toString('utf8'))) as T;
  }

  /** A request that is sent, whose answer is a stream. */
  request(method: string, path: string, { body, headers = {} }: Question = {}): http.ClientRequest {
    const { protocol, ...address } = this.address;
    const text = body === undefined ? '' : String(stringifyExact(body));
    const request = (protocol === 'https:' ? https : http).request({
      ...address,
      agent: this.#agents[protocol],
      method,
      path,
      headers: {
        host: 'docker',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(method !== 'GET' && { 'content-length': Buffer.byteLength(text) }),
        ...headers,
      },
    });
    request.end(text);
    return request;
  }

  /** Asks for a connection of its own, which the engine gives by an upgrade and by nothing else. */
  upgrade(path: string, body: unknown): Promise<Upgraded> {
    const { protocol, ...address } = this.address;
    const text = body === undefined ? '' : String(stringifyExact(body));
    return new Promise((resolve, reject) => {
      const request = (protocol === 'https:' ? https : http).request({
        ...address,
        // Else the end of the client's input would end its output as well.
        ...({ allowHalfOpen: true } as object),
        agent: false,
        method: 'POST',
        path,
        headers: {
          ...{ host: 'docker', connection: 'Upgrade', upgrade: 'tcp' },
          ...(body !== undefined && { 'content-type': 'application/json' }),
          'content-length': Buffer.byteLength(text),
        },
      });
      request.once('error', (error) => reject(noAnswer(error)));
      request.once('upgrade', ({ headers }, socket, head) => {
        socket.on('error', () => {}); // whoever takes it sees it close
        resolve({ kind: 'connection', socket: socket as Socket, head, type: headers['content-type'] });
      });
      request.once('response', (response) =>
        readAnswer(response).then((answer) => resolve({ kind: 'answer', answer }), reject),
      );
      request.end(text);
    });
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }
}

/** What the engine says in an error answer. */
export function messageOf(body: Buffer): string {
  try {
    const { message } = JSON.parse(body.toString('utf8'));
    if (typeof message === 'string') return message;
  } catch {
    // not the engine's form
  }
  return body.toString('utf8').slice(0, 4096);
}

async function readAnswer(response: http.IncomingMessage): Promise<EngineAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      // Leaving the loop closes the connection.
      if (length > MAX_ANSWER)
        throw new EngineError(`the engine's answer has more than ${MAX_ANSWER >> 20} MiB`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof EngineError ? error : noAnswer(error);
  }
  return {
    status: response.statusCode ?? 502,
    type: response.headers['content-type'],
    body: Buffer.concat(chunks),
  };
}

/** What is told where a question was not answered. */
export const noAnswer = (error: unknown) =>
  new EngineError(`the engine does not answer: ${(error as Error).message}`, { cause: error });

function agentOf({ Agent }: typeof http | typeof https): http.Agent {
  return new Agent({ keepAlive: true, scheduling: 'lifo', maxFreeSockets: 32 });
}
