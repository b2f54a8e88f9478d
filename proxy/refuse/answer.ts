import type { Duplex } from 'node:stream';
import { DENIALS, type DenialReason } from '../policy/denials.js';
import { remedyFor } from '../policy/remedy.js';

/** Names the reason on every refusal by the proxy, and on nothing else: origins cannot send it. */
export const DENY_HEADER = 'X-Jobgate-Deny';

/** Seconds after which a job over one of its limits may try again. */
const RETRY_AFTER = 1;
/** A budget is not filled by time: clients that obey are to give up, or to ask seldom. */
const RETRY_BUDGET_AFTER = 3_600;
/** How long a refused client may go on sending before its connection is cut, ms. */
const LINGER_MS = 1_000;

interface Denial {
  readonly reason: DenialReason;
  /** Canonical host, or what can be shown of a malformed one. */
  readonly host: string;
  readonly port: number;
  readonly job: string;
  /** What exactly is wrong; never an address that a name resolved to, never bytes of the request. */
  readonly detail?: string | undefined;
}

export interface DenialAnswer {
  readonly status: number;
  /** Names the reason: many clients show it, and nothing else of a refused CONNECT. */
  readonly phrase: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** All of it as bytes, for connections that Node's HTTP server has nothing more to do with. */
  readonly text: string;
}

/** What the job is told: for programs a header and a line of JSON, for people a sentence with the change to make. */
export function denialAnswer(denial: Denial): DenialAnswer {
  const { reason, host, port, job } = denial;
  const body = `${JSON.stringify({ decision: 'deny', reason, host, port, job })}\n${sentence(denial)}\n`;
  const headers: Record<string, string> = {
    [DENY_HEADER]: reason,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
  };
  const status: number = DENIALS[reason].status;
  if (status === 429) {
    headers['Retry-After'] = String(reason === 'budget-used-up' ? RETRY_BUDGET_AFTER : RETRY_AFTER);
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const phrase = `jobgate: ${reason}`;
  const text = `HTTP/1.1 ${status} ${phrase}\r\n${lines.join('')}Connection: close\r\n\r\n${body}`;
  return { status, phrase, headers, body, text };
}

/**
 * Sends `text` as the last thing on a connection. What the client still sends is thrown away unread for a moment,
 * because closing over unread bytes is a reset, which can overtake the answer.
 */
export function closeWith(socket: Duplex, text: string | Buffer): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  discardInput(socket);
  socket.end(text);
}

/** From here on nothing that arrives is read: not by a parser either, which would go on to see requests in it. */
export function discardInput(socket: Duplex): void {
  // The new listener comes first: it makes Node take the socket back from its HTTP parser.
  socket.on('data', discard);
  for (const listener of socket.listeners('data')) {
    if (listener !== discard) socket.off('data', listener as (chunk: Buffer) => void);
  }
  socket.resume();
}

function discard(): void {}

function sentence({ reason, host, port, detail }: Denial): string {
  const { help } = DENIALS[reason];
  const said = host === '' ? help : concrete(help, { reason, host, port });
  return detail === undefined ? said : `${said} (${detail})`;
}

/** Never with an address that the name resolved to. */
function concrete(help: string, denial: Pick<Denial, 'reason' | 'host' | 'port'>): string {
  const { host } = denial;
  const shown = host.includes(':') ? `[${host}]` : host;
  const { entry, operator = [] } = remedyFor(denial) ?? {};
  if (entry === undefined) {
    return help.replaceAll('HOST', shown).replaceAll('--allow-address', operator[0] ?? '--allow-address');
  }
  const said = help.replaceAll('HOST:PORT', entry).replaceAll('HOST', entry);
  return operator.length === 0
    ? said
    : `${said}; the operator has to allow it as well (${operator.join(' ')})`;
}
