import type http from 'node:http';
import type { ClientConnection } from '../accept/client-connection.js';
import type { Decider } from '../decide/decider.js';
import { checkVersion } from '../http/heads.js';
import { parseConnectTarget } from '../policy/authority.js';
import { Refusal } from '../refuse/refusal.js';
import { subjectOf } from '../report/subject.js';
import { Cancellation } from '../util/cancellation.js';
import type { Semaphore } from '../util/semaphore.js';
import { SocketReader } from './socket-reader.js';
import { Tunnel, type TunnelParts } from './tunnel.js';

const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

export interface ConnectParts extends TunnelParts {
  readonly decider: Decider;
  /** Tunnels open at once. */
  readonly tunnels: Semaphore;
}

/**
 * Answers CONNECT: a tunnel to a judged address, or a refusal after which the connection is closed. `rest` came right
 * behind its head; `check` throws a `Refusal` where something is wrong with that.
 */
export async function serveConnect(
  parts: ConnectParts,
  connection: ClientConnection,
  asked: string,
  rest: Buffer,
  check?: () => void,
): Promise<void> {
  const { decider, tunnels, refuser, recorder, sessions, large } = parts;
  const { stream } = connection;
  connection.headArrived();
  const parsed = parseConnectTarget(asked);
  const authority = parsed.ok ? parsed.value : undefined;
  const subject = subjectOf(connection, { method: 'CONNECT', target: asked, authority });
  const gone = new Cancellation();
  const abort = () => gone.cancel();
  stream.once('close', abort);
  let release: (() => void) | undefined;
  try {
    if (!parsed.ok) throw new Refusal('malformed-target', { detail: parsed.problem });
    check?.();
    if (sessions.closing) throw new Refusal('closing');
    release = tunnels.acquire();
    if (release === undefined) throw new Refusal(tunnels.reason);
    const target = await decider.route(parsed.value, 'tunnel', gone);
    const origin = await decider.dial(target, gone, () => new SocketReader(large));
    stream.off('close', abort);
    if (stream.destroyed) {
      origin.destroy();
      release();
      return;
    }
    recorder.allowed(subject, origin.remoteAddress, target.learned);
    stream.write(ESTABLISHED);
    new Tunnel(parts, connection, { target, origin, subject }, release).start(rest);
  } catch (error) {
    release?.();
    if (gone.cancelled || stream.destroyed) return;
    // Bytes behind it are dropped: they are never the next request.
    connection.refused = true;
    refuser.close(stream, subject, refuser.refusalFor(error));
  }
}

/** Throws a `Refusal`: a CONNECT has no content (RFC 9110 section 9.3.6): what would be read as it belongs to the tunnel. */
export function checkConnectForm({ httpVersion, rawHeaders }: http.IncomingMessage): void {
  checkVersion(httpVersion);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase();
    if (name === 'content-length' || name === 'transfer-encoding') {
      throw new Refusal('malformed-request', { detail: 'CONNECT has a body' });
    }
  }
}
