import type { ClientConnection } from '../accept/client-connection.js';
import type { Decider } from '../decide/decider.js';
import type { Authority } from '../policy/authority.js';
import { Refusal } from '../refuse/refusal.js';
import type { Subject } from '../report/subject.js';
import { Cancellation } from '../util/cancellation.js';
import type { Semaphore } from '../util/semaphore.js';
import { SocketReader } from './socket-reader.js';
import { Tunnel, type TunnelParts } from './tunnel.js';

export interface OpenTunnelParts extends TunnelParts {
  readonly decider: Decider;
  /** Tunnels open at once. */
  readonly tunnels: Semaphore;
}

/** What a job asks for, whichever way. */
interface Asked {
  readonly subject: Subject;
  /** Throws a `Refusal` where it is not understood. */
  readonly authority: () => Authority;
  /** Whether it has begun with TLS already. */
  readonly speaksTls?: true;
  /** Called with the tunnel, which is to be started at once. */
  readonly opened: (tunnel: Tunnel) => void;
  /** Called instead, to say why not: nothing that the connection brings is read any more. */
  readonly refused: (refusal: Refusal) => void;
}

/** The one line from what a job asks for to a tunnel to a judged address, or to a refusal. */
export async function openTunnel(
  parts: OpenTunnelParts,
  connection: ClientConnection,
  { subject, authority, speaksTls, opened, refused }: Asked,
): Promise<void> {
  const { decider, tunnels, refuser, recorder, sessions, large } = parts;
  const { stream } = connection;
  connection.headArrived();
  const gone = new Cancellation();
  const abort = () => gone.cancel();
  stream.on('close', abort);
  let release: (() => void) | undefined;
  try {
    const wanted = authority();
    if (sessions.closing) throw new Refusal('closing');
    release = tunnels.acquire();
    if (release === undefined) throw new Refusal(tunnels.reason);
    const routed = decider.route(wanted, 'tunnel', gone);
    const target = routed instanceof Promise ? await routed : routed;
    const origin = await decider.dial(target, gone, () => new SocketReader(large));
    stream.off('close', abort);
    if (stream.destroyed) {
      origin.destroy();
      release();
      return;
    }
    if (speaksTls && target.plainOnly) {
      const address = origin.remoteAddress;
      origin.destroy();
      throw new Refusal('tls-to-plain-port', address === undefined ? {} : { address });
    }
    recorder.allowed(subject, origin.remoteAddress, target.learned);
    opened(new Tunnel(parts, connection, { target, origin, subject }, release));
  } catch (error) {
    release?.();
    if (gone.cancelled || stream.destroyed) return;
    // Bytes behind it are dropped: they are never the next request.
    connection.refused = true;
    refused(refuser.refusalFor(error));
  }
}
