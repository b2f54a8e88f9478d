import type http from 'node:http';
import type { ClientConnection } from '../accept/client-connection.js';
import type { Core } from '../core.js';
import { checkVersion } from '../http/heads.js';
import { type Authority, parseConnectTarget } from '../policy/authority.js';
import { DENIALS } from '../policy/denials.js';
import { closeWith, denialText } from '../refuse/answer.js';
import { asRefusal, Refusal } from '../refuse/refusal.js';
import { printable, type Subject } from '../report/recorder.js';
import { Cancellation } from '../util/cancellation.js';
import { SocketReader } from './socket-reader.js';
import { Tunnel } from './tunnel.js';

const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

/**
 * Answers CONNECT: a tunnel to a judged address, or a refusal after which the connection is closed. `rest` came right
 * behind its head; `check` throws a `Refusal` where something is wrong with that.
 */
export async function serveConnect(
  core: Core,
  connection: ClientConnection,
  asked: string,
  rest: Buffer,
  check?: () => void,
): Promise<void> {
  const { stream } = connection;
  connection.headArrived();
  const parsed = parseConnectTarget(asked);
  const subject: Subject = {
    connection: connection.id,
    client: connection.client,
    method: 'CONNECT',
    host: parsed.ok ? parsed.value.host : printable(asked),
    port: parsed.ok ? parsed.value.port : 0,
    since: performance.now(),
  };
  const gone = new Cancellation();
  const abort = () => gone.cancel();
  stream.once('close', abort);
  let leave: (() => void) | undefined;
  try {
    if (!parsed.ok) throw new Refusal('malformed-target', { detail: parsed.problem });
    check?.();
    const authority: Authority = parsed.value;
    if (core.closing) throw new Refusal('closing');
    leave = core.gates.tunnels.enter();
    if (leave === undefined) throw new Refusal(core.gates.tunnels.reason);
    const target = await core.decider.route(authority, 'tunnel', gone);
    const origin = await core.decider.dial(target, gone, () => new SocketReader(core.large));
    stream.off('close', abort);
    if (stream.destroyed) {
      origin.destroy();
      leave();
      return;
    }
    core.recorder.allowed(subject, origin.remoteAddress, target.learned);
    stream.write(ESTABLISHED);
    new Tunnel(core, connection, { target, origin, subject }, leave).start(rest);
  } catch (error) {
    leave?.();
    if (gone.cancelled || stream.destroyed) return;
    refuseConnect(core, connection, subject, asRefusal(core, error));
  }
}

/** Refuses a CONNECT. Bytes behind it are dropped: they are never the next request. */
function refuseConnect(
  core: Core,
  connection: ClientConnection,
  subject: Subject,
  { reason, detail, address }: Refusal,
): void {
  connection.refused = true;
  connection.headArrived();
  core.recorder.denied(subject, reason, DENIALS[reason].status, address);
  const { host, port } = subject;
  closeWith(connection.stream, denialText({ reason, host, port, job: core.policy.job.job, detail }));
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
