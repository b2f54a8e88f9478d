import { connect } from 'node:net';

/** What a Bacalhau node makes of an answer to its ProbeHTTP. */
export interface Heard {
  /** It runs the job, refuses it with a reason, fails the execution, or its process dies. */
  readonly outcome: 'runs' | 'refuses' | 'fails' | 'dies';
  readonly reason: string;
  readonly status: number;
  /** As it was on the wire, each name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of head and body. */
  readonly size: number;
  readonly body: string;
}

/** Bytes of the buffer from which a node reads head and body. */
const BUFFER = 4096;

/**
 * Asks over a socket of its own and reads the answer as a stock node of any version does: a status of 400 or more
 * refuses; the content type is compared as a whole, and what is anything else is a yes; the body is as long as
 * Content-Length says and read once, out of a buffer of 4,096 bytes that the head is in as well.
 */
export async function askAsNode(
  port: number,
  body: string | Buffer,
  { method = 'POST', path = '/v1/admission', headers = {}, signal }: AskAsNode = {},
): Promise<Heard> {
  const fields = {
    Host: `127.0.0.1:${port}`,
    'User-Agent': 'Go-http-client/1.1',
    'Content-Length': String(Buffer.byteLength(body)),
    'Content-Type': 'application/json',
    'Accept-Encoding': 'gzip',
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect({ port, host: '127.0.0.1', ...(signal && { signal }) });
  // It reads while it still writes.
  socket.on('error', () => {});
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  socket.write(body);
  let all = Buffer.alloc(0);
  let end = -1;
  for await (const chunk of socket) {
    all = Buffer.concat([all, chunk]);
    end = all.indexOf('\r\n\r\n');
    // The head, and one read for the body.
    if (end >= 0 && all.length > end + 4) break;
  }
  socket.destroy();
  const buffer = all.subarray(0, BUFFER);
  const [first = '', ...rest] = all.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
  const heads = new Map(
    rest.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const length = heads.get('content-length');
  const text = buffer.subarray(end + 4).toString('utf8');
  const seen = { status: Number(first.split(' ')[1]), headers: heads, size: all.length, body: text };
  const heard = (outcome: Heard['outcome'], reason: string): Heard => ({ outcome, reason, ...seen });

  if (!(seen.status >= 200)) return heard('fails', `no answer: ${first}`);
  if (seen.status >= 400) return heard('refuses', '');
  if (heads.get('content-type') !== 'application/json') return heard('runs', 'not the content type');
  if (length === undefined || heads.has('transfer-encoding')) return heard('dies', 'no Content-Length');
  if (Buffer.byteLength(text) !== Number(length)) return heard('fails', 'the body is not whole');
  try {
    const { shouldBid, reason } = JSON.parse(text);
    return heard(shouldBid === true ? 'runs' : 'refuses', reason);
  } catch {
    return heard('fails', 'no JSON');
  }
}

export interface AskAsNode {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the connection. */
  readonly signal?: AbortSignal;
}
