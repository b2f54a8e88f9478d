import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Cli, startCli } from './cli.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: what it is, is what tests look at
  readonly body: any;
}

export interface AskOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks an HTTP server on a unix socket, or on a port of 127.0.0.1. JSON is parsed. */
export async function ask(at: string | number, path: string, options: AskOptions = {}): Promise<Answer> {
  const response = await open(at, path, options);
  const content = await text(response);
  const isJson = response.headers['content-type']?.startsWith('application/json');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: isJson ? JSON.parse(content) : content,
  };
}

/** The same, for an answer that is read piece by piece. */
export function open(at: string | number, path: string, options: AskOptions = {}): Promise<IncomingMessage> {
  const { body, headers = {}, method = body === undefined ? 'GET' : 'POST' } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...(typeof at === 'string' ? { socketPath: at } : { host: '127.0.0.1', port: at }),
        path,
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        agent: false,
      },
      resolve,
    );
    // A server that has answered already need not read the rest.
    sent.once('error', (error) => setTimeout(() => reject(error), 500));
    sent.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** A `jobgate serve` of a test's own. */
export interface Serve extends AsyncDisposable {
  /** Of the process that runs now. */
  readonly cli: Cli;
  readonly socket: string;
  ask(path: string, options?: AskOptions): Promise<Answer>;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM. @returns its exit code. */
  stop(): Promise<number | null>;
  /** Another one in its place. */
  start(...options: string[]): Promise<void>;
}

/** Starts serve on a socket of its own, and settles once it accepts. */
export async function startServe(
  options: readonly string[] = [],
  { env = {} }: { env?: Readonly<Record<string, string>> } = {},
): Promise<Serve> {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-serve-'));
  const socket = join(folder, 'api.sock');
  let cli: Cli;
  const start = async (...more: string[]) => {
    cli = startCli(['serve', '--listen', `unix:${socket}`, '--log-format', 'json', ...options, ...more], {
      env,
    });
    await cli.printed('listening');
  };
  const signal = async (name: NodeJS.Signals) => {
    cli.child.kill(name);
    return (await cli.done).code;
  };
  await start();
  return {
    get cli() {
      return cli;
    },
    socket,
    ask: (path, asked) => ask(socket, path, asked),
    kill: async () => void (await signal('SIGKILL')),
    stop: () => signal('SIGTERM'),
    start,
    async [Symbol.asyncDispose]() {
      if (cli.child.exitCode === null && cli.child.signalCode === null) {
        const { body } = await ask(socket, '/v1/gateways').catch(() => ({ body: {} }));
        for (const { id } of body.gateways ?? []) {
          await ask(socket, `/v1/gateways/${id}`, { method: 'DELETE' }).catch(() => {});
        }
        await signal('SIGTERM');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
