import type http from 'node:http';
import type { ClientConnection } from '../accept/client-connection.js';
import { checkVersion } from '../http/heads.js';
import { parseConnectTarget } from '../policy/authority.js';
import { Refusal } from '../refuse/refusal.js';
import { subjectOf } from '../report/subject.js';
import { type OpenTunnelParts, openTunnel } from './open-tunnel.js';

const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n';

/**
 * Answers CONNECT: a tunnel to a judged address, or a refusal after which the connection is closed. `rest` gives what came
 * right behind its head; `check` throws a `Refusal` where something is wrong with that.
 */
export function serveConnect(
  parts: OpenTunnelParts,
  connection: ClientConnection,
  asked: string,
  rest: () => Buffer,
  check?: () => void,
): void {
  const { stream } = connection;
  const parsed = parseConnectTarget(asked);
  const subject = subjectOf(connection, {
    method: 'CONNECT',
    target: asked,
    authority: parsed.ok ? parsed.value : undefined,
  });
  openTunnel(parts, connection, {
    subject,
    authority: () => {
      if (!parsed.ok) throw new Refusal('malformed-target', { detail: parsed.problem });
      check?.();
      return parsed.value;
    },
    opened: (tunnel) => {
      stream.write(ESTABLISHED);
      tunnel.start(rest());
    },
    refused: (refusal) => parts.refuser.close(stream, subject, refusal),
  });
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
