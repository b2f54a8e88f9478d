import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import type { Authority } from '../policy/authority.js';
import type { DialTarget, JudgedAddress } from '../policy/judged.js';
import { DEFAULT_LIMITS } from '../policy/policy.js';
import { redactUpstream, type Upstream } from '../policy/upstream.js';
import { createResolver, type Resolver, type ResolverOptions } from '../resolve/resolver.js';
import { withDeadline } from '../util/abort.js';
import type { Cancellation } from '../util/cancellation.js';
import { deadline } from '../util/deadlines.js';
import { DialError } from './dial-error.js';
import { connect, connectFailed, type Leave, type OnReadFactory, open, raceAddresses } from './tcp.js';
import { type OwnTarget, UpstreamAddress } from './upstream-address.js';
import { connectThroughHttp } from './upstream-http.js';
import { connectThroughSocks } from './upstream-socks.js';

export interface DialOptions {
  /** Ends everything at once; the dial rejects with its reason. */
  readonly cancel?: Cancellation;
  /** Over all attempts and handshakes, ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** `onread` for the socket, one per attempt. Not used where there is an upstream. */
  readonly onread?: OnReadFactory | undefined;
}

/**
 * Judged addresses to sockets, directly or through the operator's upstream proxy. A socket that is handed out has
 * `noDelay`, `allowHalfOpen` and an error listener, and has not lost a byte. Failures are `DialError`s.
 */
export interface Dialler {
  /** True where the upstream resolves names: their addresses are not judged here, and `addresses` stays empty. */
  readonly resolvesNames: boolean;
  /**
   * True where plain requests go to the upstream in absolute form, over `dialForward`: HTTP proxies refuse CONNECT to
   * port 80 as a rule (squid's `SSL_ports`). `dial` is then for tunnels only.
   */
  readonly forwardsRequests: boolean;
  /** For logs; credentials hidden. Undefined where connections are direct. */
  readonly upstream?: string;
  /** A connection to the target for a tunnel, or for plain requests unless `forwardsRequests`. */
  dial(target: DialTarget, options?: DialOptions): Promise<Socket>;
  /** A connection to the upstream for requests in absolute form. Rejects with TypeError unless `forwardsRequests`. */
  dialForward(options?: DialOptions): Promise<Socket>;
  /** Whether a target is the upstream itself: no job may reach it, whatever its allowlist says. `dial` refuses it as well. */
  isUpstream(authority: Authority): boolean;
  /** The last known addresses of the upstream: no job may reach them, whatever the exceptions (for the address rule). */
  ownTargets(): readonly OwnTarget[];
  /** Settles once `ownTargets` is complete; rejects with `DialError` where the upstream's name does not resolve. */
  ready(): Promise<void>;
  /** Ends dials under way; later ones reject. Sockets that were handed out are their owners'. */
  close(): void;
}

export interface DiallerOptions extends Pick<ResolverOptions, 'dns' | 'addHosts'> {
  /** Default: connect directly. */
  readonly upstream?: Upstream | undefined;
  /** Time between the starts of two attempts, ms. Default 250 (RFC 8305 section 5). */
  readonly staggerMs?: number;
  /** For each connection to an address; to a name, where the upstream looks it up. Default: nobody is asked. */
  readonly leave?: Leave | undefined;
}

const STAGGER_MS = 250;

export function createDialler(options: DiallerOptions = {}): Dialler {
  const { upstream, staggerMs = STAGGER_MS, dns, addHosts, leave } = options;
  if (upstream === undefined) return new DirectDialler(staggerMs, leave);
  // Of its own, for the upstream's name: no job can exhaust it.
  const resolver = createResolver({ ...(dns !== undefined && { dns }), ...(addHosts && { addHosts }) });
  return new UpstreamDialler(upstream, resolver, staggerMs, leave);
}

/** What both have: a time limit, and an end. */
abstract class BaseDialler {
  readonly #closed = new AbortController();

  constructor() {
    // As many listeners as dials under way.
    setMaxListeners(0, this.closed);
  }

  protected get closed(): AbortSignal {
    return this.#closed.signal;
  }

  protected within(
    { cancel, timeoutMs = DEFAULT_LIMITS.connectTimeoutMs }: DialOptions,
    late: () => DialError,
    work: (signal: AbortSignal) => Promise<Socket>,
  ): Promise<Socket> {
    return withDeadline(timeoutMs, [this.closed, cancel?.signal], late, async (inner) => {
      const socket = await work(inner);
      if (!inner.aborted) return socket;
      // The abort came in the very moment of success: nobody waits for the socket any more.
      socket.destroy();
      throw inner.reason;
    });
  }

  close(): void {
    this.#closed.abort(new DialError('connect-failed', 'the dialler is closed', 'closed'));
  }
}

class DirectDialler extends BaseDialler implements Dialler {
  readonly resolvesNames = false;
  readonly forwardsRequests = false;
  /** Ends of dials to a single address. */
  readonly #ends = new Set<(reason: unknown) => void>();

  constructor(
    private readonly staggerMs: number,
    private readonly leave: Leave | undefined,
  ) {
    super();
  }

  dial({ authority, addresses }: DialTarget, options: DialOptions = {}): Promise<Socket> {
    const { onread } = options;
    const [first, second] = addresses;
    if (first !== undefined && second === undefined) return this.#dialOnly(first, authority.port, options);
    return this.within(options, originSilent, (signal) =>
      connect(addresses, authority.port, { signal, staggerMs: this.staggerMs, onread, leave: this.leave }),
    );
  }

  dialForward(): Promise<Socket> {
    return Promise.reject(new TypeError('there is no upstream proxy to forward requests to'));
  }

  isUpstream(): boolean {
    return false;
  }

  ownTargets(): readonly OwnTarget[] {
    return [];
  }

  async ready(): Promise<void> {}

  override close(): void {
    super.close();
    for (const end of this.#ends) end(this.closed.reason);
  }

  /** The usual case, without a race and its signals: they cost more than the dial. */
  #dialOnly(address: JudgedAddress, port: number, options: DialOptions): Promise<Socket> {
    try {
      const leave = this.leave?.(address.address);
      // Mostly it is here already.
      if (!(leave instanceof Promise)) return this.#connect(address, port, options, leave);
      return leave.then((release) => this.#connect(address, port, options, release));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #connect(
    address: JudgedAddress,
    port: number,
    { cancel, timeoutMs = DEFAULT_LIMITS.connectTimeoutMs, onread }: DialOptions,
    release: (() => void) | undefined,
  ): Promise<Socket> {
    try {
      this.closed.throwIfAborted();
      cancel?.throwIfCancelled();
    } catch (error) {
      release?.();
      throw error;
    }
    return new Promise((resolve, reject) => {
      let ended: { readonly reason: unknown } | undefined;
      const end = open(address, port, { onread, closed: release }, (failure, socket) => {
        limit.clear();
        cancel?.onCancel(undefined);
        this.#ends.delete(stop);
        if (socket && !ended) {
          resolve(socket);
          return;
        }
        // The end came in the very moment of success: nobody waits for the socket any more.
        socket?.destroy();
        reject(ended ? ended.reason : connectFailed([failure]));
      });
      const stop = (reason: unknown) => {
        ended ??= { reason };
        end(reason);
      };
      const limit = deadline(timeoutMs, () => stop(originSilent()));
      cancel?.onCancel(stop);
      this.#ends.add(stop);
    });
  }
}

class UpstreamDialler extends BaseDialler implements Dialler {
  readonly resolvesNames: boolean;
  readonly forwardsRequests: boolean;
  readonly upstream: string;
  readonly #address: UpstreamAddress;

  constructor(
    private readonly proxy: Upstream,
    private readonly resolver: Resolver,
    private readonly staggerMs: number,
    private readonly leave: Leave | undefined,
  ) {
    super();
    this.resolvesNames = proxy.scheme !== 'socks5';
    this.forwardsRequests = proxy.scheme === 'http';
    this.upstream = redactUpstream(proxy);
    this.#address = new UpstreamAddress(proxy.authority, resolver);
  }

  async dial({ authority, addresses }: DialTarget, options: DialOptions = {}): Promise<Socket> {
    const { scheme, credentials } = this.proxy;
    if (this.isUpstream(authority))
      throw new DialError('upstream-failed', 'the target is the upstream proxy itself');
    let connected = false;
    const late = () => (connected ? originSilent() : this.#silent());
    return this.within(options, late, async (signal) => {
      if (scheme !== 'socks5') {
        const socket = await this.#connectFor(authority.host, signal);
        connected = true;
        const ask = scheme === 'http' ? connectThroughHttp : connectThroughSocks;
        await ask(socket, authority, credentials, signal);
        return socket;
      }
      const { port } = authority;
      const attempt = async ({ address: host }: JudgedAddress, stop: AbortSignal) => {
        const socket = await this.#connectFor(host, stop);
        connected = true;
        await connectThroughSocks(socket, { host, port }, credentials, stop);
        return socket;
      };
      return raceAddresses(addresses, attempt, { signal, staggerMs: this.staggerMs });
    });
  }

  async dialForward(options: DialOptions = {}): Promise<Socket> {
    if (!this.forwardsRequests) throw new TypeError('the upstream proxy takes no requests in absolute form');
    return this.within(
      options,
      () => this.#silent(),
      (signal) => this.#connect(signal),
    );
  }

  isUpstream(authority: Authority): boolean {
    return this.#address.is(authority);
  }

  ownTargets(): readonly OwnTarget[] {
    return this.#address.targets;
  }

  async ready(): Promise<void> {
    await this.#address.addresses();
  }

  override close(): void {
    super.close();
    this.resolver.close();
  }

  async #connectFor(destination: string, signal: AbortSignal): Promise<Socket> {
    const release = await this.leave?.(destination);
    try {
      const socket = await this.#connect(signal);
      if (release) socket.once('close', release);
      return socket;
    } catch (error) {
      release?.();
      throw error;
    }
  }

  async #connect(signal: AbortSignal): Promise<Socket> {
    const addresses = await this.#address.addresses(signal);
    try {
      return await connect(addresses, this.proxy.authority.port, { signal, staggerMs: this.staggerMs });
    } catch (error) {
      signal.throwIfAborted();
      const { message, code } = error as DialError;
      const where = `the upstream proxy ${this.upstream} cannot be reached`;
      throw new DialError('upstream-failed', `${where}: ${message}`, code, { cause: error });
    }
  }

  #silent(): DialError {
    return new DialError(
      'upstream-failed',
      `the upstream proxy ${this.upstream} did not answer in time`,
      'timeout',
    );
  }
}

function originSilent(): DialError {
  return new DialError('connect-timeout', 'the host did not accept the connection in time');
}
