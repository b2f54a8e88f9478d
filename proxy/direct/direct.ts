import type { ConnectionService } from '../accept/acceptor.js';
import type { ClientConnection } from '../accept/client-connection.js';
import type { Dispatch } from '../accept/dispatch.js';
import { parseHost } from '../policy/authority.js';
import { Refusal } from '../refuse/refusal.js';
import { tlsAlert } from '../refuse/tls-alert.js';
import { subjectOf } from '../report/subject.js';
import { type Inspection, inspect } from '../tunnel/inspect.js';
import { type OpenTunnelParts, openTunnel } from '../tunnel/open-tunnel.js';

interface DirectParts extends Omit<OpenTunnelParts, 'serveInside'> {
  readonly dispatch: Pick<Dispatch, 'serveInside' | 'headerTimeout'>;
}

const METHOD = 'TLS';
const HTTP_PORT = 80;

/**
 * Serves programs that know of no proxy and connect to a port of the gateway as if it were the host: TLS is a CONNECT to
 * its server name, HTTP a request to its `Host`.
 */
export class Direct implements ConnectionService {
  readonly #with: DirectParts;
  readonly #tunnels: OpenTunnelParts;
  readonly #port: number;

  /** @param port as the programs see it */
  constructor(parts: DirectParts, port: number) {
    this.#with = parts;
    this.#tunnels = { ...parts, serveInside: (connection) => parts.dispatch.serveInside(connection) };
    this.#port = port;
  }

  serve(connection: ClientConnection): void {
    const { stream } = connection;
    const { helloTimeoutMs: timeoutMs, headerBytes: maxLine } = this.#with.operator.limits;
    connection.awaitHead();
    stream.once('data', (chunk: Buffer) => {
      connection.spoke = true;
      connection.headArrived();
      stream.pause();
      stream.unshift(chunk);
      inspect(stream, { timeoutMs, maxLine }, (inspection) => {
        stream.pause();
        this.#inspected(connection, inspection);
      });
    });
  }

  headerTimeout(connection: ClientConnection): void {
    this.#with.dispatch.headerTimeout(connection);
  }

  /** What it would have spoken is not known: by custom it is HTTP on one port and TLS on all others. */
  refusal(text: string): string | Buffer {
    return this.#port === HTTP_PORT ? text : tlsAlert('closing');
  }

  #inspected(connection: ClientConnection, inspection: Inspection): void {
    const { stream } = connection;
    const { dispatch, refuser } = this.#with;
    switch (inspection.kind) {
      case 'tls':
        this.#openTunnel(connection, inspection.bytes, inspection.name ?? '');
        return;
      case 'http':
        stream.unshift(inspection.bytes);
        dispatch.serveInside(connection);
        return;
      case 'gone':
        stream.destroy();
        return;
      case 'denied': {
        const { reason, detail, tls } = inspection;
        const subject = subjectOf(connection, { ...(tls && { method: METHOD }) });
        connection.refused = true;
        if (tls) refuser.alert(stream, subject, new Refusal(reason, detail === undefined ? {} : { detail }));
        else {
          refuser.unanswered(subject, reason, { detail });
          stream.destroy();
        }
      }
    }
  }

  #openTunnel(connection: ClientConnection, hello: Buffer, name: string): void {
    const parsed = parseHost(name);
    const authority =
      parsed.ok && parsed.value.kind === 'name' ? { ...parsed.value, port: this.#port } : undefined;
    const subject = subjectOf(connection, { method: METHOD, target: name, authority });
    openTunnel(this.#tunnels, connection, {
      subject,
      authority: () => {
        if (authority) return authority;
        const detail = parsed.ok ? 'the server name is an address' : parsed.problem;
        throw new Refusal('malformed-target', { detail });
      },
      speaksTls: true,
      opened: (tunnel) => tunnel.startTls(hello),
      refused: (refusal) => this.#with.refuser.alert(connection.stream, subject, refusal),
    });
  }
}
