import net from 'node:net';
import type { Acceptor, ConnectionService } from './accept/acceptor.js';
import { registerListener } from './decide/listeners.js';
import type { Logger } from './policy/logger.js';
import { prepareSockets, SOCKET_OPTIONS } from './util/socket-options.js';

/** Where programs that know of no proxy are served. */
export interface DirectPorts {
  /** For questions for names, by UDP and TCP. 0: any free one, where the proxy is in this process. */
  readonly names: number;
  /** Ports as these programs connect to them, each with the one that is listened on for it; 0 likewise. */
  readonly ports: readonly (readonly [port: number, own: number])[];
}

/** Where a proxy listens. */
export interface Bound {
  readonly host: string;
  readonly port: number;
  readonly direct?: DirectPorts;
}

/** All ports that a proxy has at its address. */
export function portsOf({ port, direct }: Pick<Bound, 'port' | 'direct'>): number[] {
  return [port, ...(direct ? [direct.names, ...direct.ports.map(([, own]) => own)] : [])];
}

/** The TCP listeners of a proxy. What they accept goes to its acceptor. */
export class Listeners {
  readonly #acceptor: Acceptor;
  readonly #logger: Logger;
  readonly #servers = new Set<net.Server>();
  readonly #unregister: (() => void)[] = [];
  #closed = false;

  constructor(acceptor: Acceptor, logger: Logger) {
    this.#acceptor = acceptor;
    this.#logger = logger;
  }

  /**
   * Rejects with what the system says (`EADDRINUSE`, …).
   *
   * @param direct as `Acceptor.accept` has it
   * @param usual whether the port is one that others have as well: 53, say
   */
  async open(
    host: string,
    port: number,
    service: ConnectionService,
    { direct, usual = direct !== undefined }: { direct?: number; usual?: boolean } = {},
  ): Promise<net.AddressInfo> {
    prepareSockets();
    const server = net.createServer(SOCKET_OPTIONS, (socket) =>
      this.#acceptor.accept(socket, service, direct),
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    if (this.#closed) {
      server.close();
      throw new Error('the proxy is closed');
    }
    // EMFILE in accept, say: those that are open go on.
    server.on('error', (error) => this.#logger.error({ error: String(error) }, 'a listener failed'));
    this.#servers.add(server);
    const bound = server.address() as net.AddressInfo;
    this.#unregister.push(registerListener(bound.address, bound.port, usual));
    return bound;
  }

  /** Takes nothing new; settles when all that was accepted is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const closed = [...this.#servers].map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#servers.clear();
    await Promise.all(closed);
  }

  /** No job's proxy takes them for its own any more: for when all is gone. */
  forget(): void {
    for (const unregister of this.#unregister.splice(0)) unregister();
  }
}
