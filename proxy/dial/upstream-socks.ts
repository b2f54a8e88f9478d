import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { SocksClient } from 'socks';
import type { Authority } from '../policy/authority.js';
import type { Credentials } from '../policy/upstream.js';
import { DialError } from './dial-error.js';
import { readHandshake } from './handshake.js';

/** Replies of RFC 1928 section 6 that are about the origin; the others are about the proxy. */
const ABOUT_ORIGIN = new Set(['NetworkUnreachable', 'HostUnreachable', 'ConnectionRefused', 'TTLExpired']);

/**
 * Asks a SOCKS5 proxy on `socket` for a connection to `host`, an address or (socks5h) a name. What the origin sends
 * right behind the proxy's answer stays in the socket. Throws `DialError`, or the signal's reason; the socket is
 * destroyed then.
 */
export async function connectThroughSocks(
  socket: Socket,
  { host, port }: Pick<Authority, 'port'> & { readonly host: string },
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<void> {
  // The client emits what follows its last answer on the socket it was given and sets that flowing, so that bytes are lost
  // if nobody listens yet. It gets a stand-in instead, and one byte at a time: so nothing ever follows.
  const standIn = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      if (!socket.destroyed) socket.write(chunk);
      done();
    },
  });
  standIn.on('error', () => {});
  const client = new SocksClient({
    command: 'connect',
    proxy: {
      host: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
      type: 5,
      ...(credentials && { userId: credentials.username, password: credentials.password }),
    },
    destination: { host, port },
  });
  let established = false;
  let failure: Error | undefined;
  client.on('established', () => {
    established = true;
  });
  client.on('error', (error) => {
    failure = error;
  });
  try {
    client.connect(standIn as Socket);
    await readHandshake(
      socket,
      (chunk) => {
        for (let i = 0; i < chunk.length; i++) {
          standIn.emit('data', chunk.subarray(i, i + 1));
          if (failure !== undefined) throw failure;
          if (established) return i + 1;
        }
        return undefined;
      },
      signal,
    );
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw asDialError(error);
  } finally {
    standIn.removeAllListeners('close').destroy();
  }
}

/** The client's errors carry its options, password included: only their sentence goes on. */
function asDialError(error: unknown): DialError {
  const said = error instanceof Error ? error.message : String(error);
  const reply = /rejected connection - (\w+)$/i.exec(said)?.[1];
  const reason = reply !== undefined && ABOUT_ORIGIN.has(reply) ? 'connect-failed' : 'upstream-failed';
  return new DialError(reason, `the upstream proxy: ${said}`, reply);
}
