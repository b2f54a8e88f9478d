import type { Socket } from 'node:net';
import { type Authority, formatAuthority } from './authority.js';
import { ByteBag } from './byte-bag.js';
import { DialError } from './dial-error.js';
import { readHandshake } from './handshake.js';
import { basicAuthorization, type Credentials } from './upstream.js';

/** Of the upstream's answer to CONNECT, bytes. */
const MAX_HEAD = 16_384;
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9][0-9])(?: |$)/;

/**
 * Asks an HTTP proxy on `socket` for a tunnel (RFC 9110 section 9.3.6). What the origin sends right behind the
 * proxy's answer stays in the socket. Throws `DialError` with `upstream-failed`, or the signal's reason; the socket is
 * destroyed then.
 */
export async function connectThroughHttp(
  socket: Socket,
  target: Authority,
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<void> {
  const authority = formatAuthority(target);
  const authorization = credentials ? `Proxy-Authorization: ${basicAuthorization(credentials)}\r\n` : '';
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  try {
    const status = await readStatus(socket, signal);
    // A 2xx answer to CONNECT has no body, whatever its headers say.
    if (status >= 200 && status <= 299) return;
    const help = status === 407 ? ': it wants other credentials' : '';
    throw new DialError(
      'upstream-failed',
      `the upstream proxy answered CONNECT with ${status}${help}`,
      `HTTP_${status}`,
    );
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (error instanceof DialError) throw error;
    const said = error instanceof Error ? error.message : String(error);
    throw new DialError('upstream-failed', `the upstream proxy ${said}`);
  }
}

async function readStatus(socket: Socket, signal: AbortSignal): Promise<number> {
  const head = new ByteBag();
  await readHandshake(
    socket,
    (chunk) => {
      const before = head.length;
      head.append(chunk);
      const end = head.bytes.indexOf('\r\n\r\n', Math.max(0, before - 3));
      if (end < 0 ? head.length > MAX_HEAD : end > MAX_HEAD) throw new Error('answered with an endless head');
      return end < 0 ? undefined : end + 4 - before;
    },
    signal,
  );
  const { bytes } = head;
  const status = STATUS_LINE.exec(bytes.toString('latin1', 0, bytes.indexOf('\r\n')))?.[1];
  if (status === undefined) throw new Error('did not answer in HTTP/1.1');
  return Number(status);
}
