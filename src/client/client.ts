import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { GatewayError } from '../../docker/engine/errors.js';
import type { Config } from '../config/load.js';
import { AdmissionRefused, UsageError } from '../errors.js';
import { during } from '../progress.js';
import type { ApiErrorCode } from '../service/api-error.js';
import { readToken } from '../service/auth.js';
import { formatListen, type ListenAddress, parseListen } from '../service/listen.js';

type Query = Readonly<Record<string, string | boolean | undefined>>;

interface Asked {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly query?: Query;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Asks a serve that runs, as the operator of its node. */
export class ApiClient {
  readonly #address: ListenAddress;
  readonly #token: string | undefined;

  /** @throws UsageError for an address or a token file that cannot be used. */
  constructor({ listen, tokenFile }: Pick<Config['service'], 'listen' | 'tokenFile'>) {
    const address = parseListen(listen, { hasToken: true });
    // It listens on every address; one of them is here.
    const host = address.kind === 'tcp' && HERE[address.host];
    this.#address = host ? { ...address, host } : address;
    // On a socket its mode says who may.
    if (address.kind === 'tcp' && tokenFile !== undefined) this.#token = readToken(tokenFile);
  }

  /** @throws GatewayError where no serve answers; UsageError, AdmissionRefused or GatewayError for what it refuses. */
  async ask<T>(path: string, asked: Asked = {}): Promise<T> {
    const answer = () => this.open(path, asked).then(text);
    return JSON.parse(await during('waiting for jobgate serve', answer)) as T;
  }

  /** The same, for an answer that is read piece by piece. */
  async open(path: string, asked: Asked = {}): Promise<IncomingMessage> {
    const answer = await this.#send(path, asked);
    const status = answer.statusCode ?? 0;
    if (status < 300) return answer;
    const { error, message } = errorOf(await text(answer), status);
    if (error === 'not-accepted') throw new AdmissionRefused(message);
    if (status < 500 && error !== 'unauthorized' && error !== 'conflict') throw new UsageError(message);
    throw new GatewayError(message);
  }

  #send(path: string, { method = 'GET', query = {}, body, headers, signal }: Asked) {
    const address = this.#address;
    const parameters = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]],
    );
    const search = parameters.length > 0 ? `?${new URLSearchParams(parameters)}` : '';
    return new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        {
          ...(address.kind === 'unix' ? { socketPath: address.path } : address),
          path: `${path}${search}`,
          method,
          headers: {
            ...headers,
            ...(body && { 'Content-Type': 'application/json' }),
            ...(this.#token !== undefined && { Authorization: `Bearer ${this.#token}` }),
          },
          agent: false,
          ...(signal && { signal }),
        },
        resolve,
      );
      sent.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          signal?.aborted ? signal.reason : new GatewayError(this.#unreachable(error), { cause: error }),
        ),
      );
      sent.end(body && JSON.stringify(body));
    });
  }

  #unreachable({ code, message }: NodeJS.ErrnoException): string {
    const at = formatListen(this.#address);
    if (code === 'EACCES' || code === 'EPERM')
      return `no permission for ${at}: ask as the user that runs jobgate serve`;
    if (code === 'ENOENT' || code === 'ECONNREFUSED')
      return `no jobgate serve answers at ${at}: start one, or say where it is: --listen`;
    return `${at}: ${message}`;
  }
}

const HERE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

function errorOf(body: string, status: number): { error: ApiErrorCode | undefined; message: string } {
  try {
    const { error, message } = JSON.parse(body);
    if (typeof message === 'string') return { error, message };
  } catch {
    // not a serve's
  }
  return { error: undefined, message: `what answers is no jobgate serve: status ${status}` };
}
