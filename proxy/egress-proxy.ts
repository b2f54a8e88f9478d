import net from 'node:net';
import { AddressRule } from './addresses.js';
import { Allowlist } from './allowlist.js';
import type { ClientConnection } from './client-connection.js';
import type { Core, Flow } from './core.js';
import { Decider } from './decision.js';
import { Denied } from './denied.js';
import { createDialler, type Dialler } from './dial.js';
import type { ProxyEvent } from './events.js';
import type { Figures } from './figures.js';
import { IdleWatch } from './idle.js';
import { LargeBuffers } from './large-buffers.js';
import { Gates } from './limits.js';
import { openListeners, registerListener } from './listeners.js';
import { type Logger, silentLogger } from './log.js';
import { OwnAddresses } from './own-addresses.js';
import type { EgressPolicy, OperatorPolicy } from './policy.js';
import { JobLimiter } from './rate/job-limiter.js';
import { Reception } from './reception.js';
import { Recorder } from './recorder.js';
import { createResolver, type Resolver } from './resolver.js';
import { Service } from './service.js';
import { SOCKET_OPTIONS } from './socket-options.js';

export interface EgressProxyOptions {
  /** Default: no log. */
  readonly logger?: Logger;
  /** Every decision, and the end of everything that was allowed. */
  readonly onEvent?: (event: ProxyEvent) => void;
}

export interface ListenOptions {
  /** An IP address of this machine. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** CIDRs that clients must come from; empty: nobody. */
  readonly clients: readonly string[];
}

/** The HTTP(S) proxy of one job. */
export interface EgressProxy extends AsyncDisposable {
  /** Begins to accept, and gives where. Rejects with what the system says (`EADDRINUSE`, …). Once only. */
  listen(options: ListenOptions): Promise<{ host: string; port: number }>;
  /** Replaces the ranges of clients; connections of others end. Throws TypeError on a range that is not valid. */
  setClients(cidrs: readonly string[]): void;
  /** Replaces the operator's deny list; what it forbids ends at once. Throws `DenyListError`, changing nothing. */
  setDenied(entries: readonly string[]): void;
  figures(): Figures;
  /** Takes nothing new, lets what is under way finish for at most `ms`, and closes. */
  drain(ms: number): Promise<void>;
  /** Ends everything at once; settles when all is gone. */
  close(): Promise<void>;
}

/**
 * Makes the proxy of a job. Throws, before anything is opened, where the policy is not valid: `AllowlistError`,
 * `DenyListError`, RangeError or TypeError, each with a message of one line.
 */
export function createEgressProxy(policy: EgressPolicy, options: EgressProxyOptions = {}): EgressProxy {
  return new JobProxy(policy, options);
}

/** Of the event loop, that a flow may take to end once its sockets are closed. */
const MAX_TICKS = 1_000;

class JobProxy implements EgressProxy, Core {
  readonly policy: EgressPolicy;
  readonly decider: Decider;
  readonly gates: Gates;
  readonly recorder: Recorder;
  readonly idle: IdleWatch;
  readonly large: LargeBuffers;
  closing = false;
  readonly #flows = new Set<Flow>();
  readonly #logger: Logger;
  readonly #server: net.Server;
  readonly #service: Service;
  readonly #limiter: JobLimiter;
  readonly #resolver: Resolver;
  readonly #dialler: Dialler;
  readonly #denied: Denied;
  readonly #reception: Reception;
  #unregister: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  #wakeDrain: (() => void) | undefined;

  constructor(policy: EgressPolicy, { logger = silentLogger, onEvent }: EgressProxyOptions) {
    const { job, operator } = policy;
    const { limits } = operator;
    this.policy = policy;
    this.#logger = logger;
    this.gates = new Gates(limits);
    this.recorder = new Recorder({ job: job.job, execution: job.execution, logger, onEvent });
    this.idle = new IdleWatch(limits.tunnelIdleMs);
    this.large = job.rate === null ? new LargeBuffers() : new LargeBuffers(0);
    this.#limiter = new JobLimiter({ rate: job.rate, burst: operator.burst });
    const dns = { dns: operator.dns, addHosts: operator.addHosts, timeoutMs: limits.dnsTimeoutMs };
    const allowlist = Allowlist.parse(job.allow, { allowPorts: operator.allowPorts });
    const rule = new AddressRule({
      exceptions: operator.allowAddresses,
      own: new OwnAddresses({ nodeAddresses: operator.nodeAddresses }),
      listeners: () => [...openListeners(), ...this.#dialler.ownTargets()],
      deniedAddresses: (address, port) => this.#denied.matchAddress(address, port),
    });
    this.#resolver = createResolver({ ...dns, maxLookups: limits.lookups });
    this.#dialler = createDialler({ ...dns, upstream: operator.upstream });
    this.#denied = new Denied({
      // Where the upstream resolves, this node may have no name servers to ask.
      resolver: this.#dialler.resolvesNames
        ? null
        : createResolver({ ...dns, maxLookups: Number.POSITIVE_INFINITY }),
      onChange: () => this.#endDenied(),
      logger,
    });
    this.#denied.set(operator.deny);
    this.decider = new Decider({
      denied: this.#denied,
      allowlist,
      resolver: this.#resolver,
      rule,
      ...(job.learn && { learn: learnWithin(operator) }),
      dialler: this.#dialler,
      dials: this.gates.dials,
      connectTimeoutMs: limits.connectTimeoutMs,
    });
    this.#service = new Service(this, operator.upstream);
    this.#reception = new Reception({
      core: this,
      limiter: this.#limiter,
      service: this.#service,
      onGone: () => this.#wakeWhenEmpty(),
    });
    this.#server = net.createServer(SOCKET_OPTIONS, (socket) => this.#reception.accept(socket));
    // EMFILE in accept, say: those that are open go on.
    this.#server.on('error', (error) => logger.error({ error: String(error) }, 'the listener failed'));
  }

  async listen({ host, port, clients }: ListenOptions): Promise<{ host: string; port: number }> {
    if (this.closing) throw new Error('the proxy is closed');
    this.setClients(clients);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const bound = this.#server.address() as net.AddressInfo;
    this.#unregister = registerListener(bound.address, bound.port);
    return { host: bound.address, port: bound.port };
  }

  setClients(cidrs: readonly string[]): void {
    this.#reception.setClients(cidrs);
  }

  setDenied(entries: readonly string[]): void {
    this.#denied.set(entries);
  }

  figures(): Figures {
    const { connections, tunnels, requests } = this.gates;
    const { allowed, denied } = this.recorder.hosts;
    return {
      ...this.#reception.bytes,
      connections: connections.open,
      tunnels: tunnels.open,
      requests: requests.open,
      allowed,
      denied,
      throttledMs: this.#limiter.throttledMs,
      hosts: this.recorder.hosts.list(),
    };
  }

  async drain(ms: number): Promise<void> {
    if (!this.closing) {
      this.closing = true;
      this.#server.close();
      this.#reception.closeIdle();
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wakeDrain = resolve;
        timer = setTimeout(resolve, ms);
        this.#wakeWhenEmpty();
      });
      clearTimeout(timer);
    }
    await this.close();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  began(flow: Flow): void {
    this.#flows.add(flow);
  }

  ended(flow: Flow): void {
    this.#flows.delete(flow);
    this.#wakeWhenEmpty();
  }

  serveInside(connection: ClientConnection): void {
    this.#service.serveInside(connection);
  }

  fault(error: unknown): void {
    const { stack } = error instanceof Error ? error : { stack: String(error) };
    this.#logger.error({ error: stack }, 'unexpected: refused');
  }

  async #close(): Promise<void> {
    this.closing = true;
    this.#wakeDrain?.();
    const stopped = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const flow of this.#flows) flow.end('closed');
    const gone = this.#reception.close();
    this.#limiter.close();
    this.#dialler.close();
    this.#resolver.close();
    this.#denied.close();
    this.#service.close();
    await Promise.all([stopped, gone]);
    // What ends with a socket says so in the ticks after it. What does not must not keep the gateway from closing.
    for (let tick = 0; this.#flows.size > 0 && tick < MAX_TICKS; tick++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#flows.size > 0)
      this.fault(new Error(`${this.#flows.size} flows did not end with their sockets`));
    this.#unregister?.();
    this.recorder.flush();
  }

  #wakeWhenEmpty(): void {
    if (this.#reception.isEmpty && this.#flows.size === 0) this.#wakeDrain?.();
  }

  /** A deny list that changed, or a denied name that resolves to more. */
  #endDenied(): void {
    for (const flow of this.#flows) {
      if (this.decider.isDenied(flow.target)) flow.end('operator-denied');
    }
  }
}

function learnWithin({ learnWithin: entries, allowPorts }: OperatorPolicy): { within?: Allowlist } {
  return entries === undefined ? {} : { within: Allowlist.parse(entries, { allowPorts }) };
}
