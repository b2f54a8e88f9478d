import type { Socket } from 'node:net';
import type { ClientConnection } from '../accept/client-connection.js';
import type { Decider } from '../decide/decider.js';
import type { Authority } from '../policy/authority.js';
import type { JudgedTarget } from '../policy/judged.js';
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

/**
 * The one line from what a job asks for to a tunnel to a judged address, or to a refusal. Without `async`, since nothing
 * but the dial is waited for, mostly.
 */
export function openTunnel(parts: OpenTunnelParts, connection: ClientConnection, asked: Asked): void {
  const { decider, tunnels, sessions, large } = parts;
  const { stream } = connection;
  connection.headArrived();
  const gone = new Cancellation();
  const abort = () => gone.cancel();
  stream.on('close', abort);
  let release: (() => void) | undefined;
  const refuse = (error: unknown) => {
    release?.();
    if (stream.destroyed) return;
    // Bytes behind it are dropped: they are never the next request.
    connection.refused = true;
    asked.refused(parts.refuser.refusalFor(error));
  };
  const dial = (target: JudgedTarget) =>
    decider
      .dial(target, gone, () => new SocketReader(large))
      .then((origin) => {
        stream.off('close', abort);
        begin(parts, connection, asked, { target, origin, release: release as () => void });
      });
  try {
    const wanted = asked.authority();
    if (sessions.closing) throw new Refusal('closing');
    release = tunnels.acquire();
    if (release === undefined) throw new Refusal(tunnels.reason);
    const target = decider.route(wanted, 'tunnel', gone);
    (target instanceof Promise ? target.then(dial) : dial(target)).catch(refuse);
  } catch (error) {
    refuse(error);
  }
}

function begin(
  parts: OpenTunnelParts,
  connection: ClientConnection,
  { subject, speaksTls, opened }: Asked,
  { target, origin, release }: { target: JudgedTarget; origin: Socket; release: () => void },
): void {
  if (connection.stream.destroyed) {
    origin.destroy();
    release();
    return;
  }
  const { remoteAddress: address } = origin;
  if (speaksTls && target.plainOnly) {
    origin.destroy();
    throw new Refusal('tls-to-plain-port', address === undefined ? {} : { address });
  }
  parts.recorder.allowed(subject, address, target.learned);
  opened(new Tunnel(parts, connection, { target, origin, subject }, release));
}
