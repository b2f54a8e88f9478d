import { Acceptor } from './accept/acceptor.js';
import { ConnectionRate } from './accept/connection-rate.js';
import { descriptors } from './accept/descriptors.js';
import { Dispatch } from './accept/dispatch.js';
import { type Grants, Ledger } from './budget/ledger.js';
import { Spending } from './budget/spending.js';
import { Cuts } from './cuts.js';
import { AddressRule } from './decide/address-rule.js';
import { Decider } from './decide/decider.js';
import { Denied } from './decide/denied.js';
import { listenersOn } from './decide/listeners.js';
import { NodeAddresses } from './decide/node-addresses.js';
import { destinationCaps, type Leases } from './dial/destination-caps.js';
import { Destinations } from './dial/destinations.js';
import { createDialler, type Dialler } from './dial/dialler.js';
import { OriginTls } from './dial/origin-tls.js';
import { Direct } from './direct/direct.js';
import { OriginAgent } from './http/origin-agent.js';
import { OriginPool } from './http/origin-pool.js';
import { type Bound, type DirectPorts, Listeners } from './listeners.js';
import { Names } from './names/names.js';
import { TcpNames } from './names/tcp-names.js';
import { UdpNames } from './names/udp-names.js';
import { DenyList } from './policy/deny-list.js';
import { type Logger, silentLogger } from './policy/logger.js';
import { type ParsedPolicy, parsePolicy } from './policy/parse-policy.js';
import type { EgressPolicy, PolicyChange, PolicyChanged } from './policy/policy.js';
import { basicAuthorization } from './policy/upstream.js';
import { JobLimiter } from './rate/job-limiter.js';
import { Refuser } from './refuse/refuser.js';
import type { ProxyEvent } from './report/events.js';
import type { Figures } from './report/figures.js';
import { Recorder } from './report/recorder.js';
import { createResolver, type Resolver } from './resolve/resolver.js';
import { Sessions } from './sessions.js';
import { IdleWatch } from './tunnel/idle.js';
import { LargeBuffers } from './tunnel/large-buffers.js';
import { Semaphore } from './util/semaphore.js';
import { turns } from './util/turns.js';

export interface EgressProxyOptions {
  /** Default: no log. */
  readonly logger?: Logger;
  /** Every decision, and the end of everything that was allowed. */
  readonly onEvent?: (event: ProxyEvent) => void;
  /** It cannot go on, and is closed. Only what runs in a worker says so. */
  readonly onFailed?: (error: Error) => void;
  /** Who gives leave to connect. Default: this process, for all its proxies. */
  readonly leases?: Leases;
  /** What the job has taken of its budget so far, and takes from now on. Default: nothing, kept in memory only. */
  readonly ledger?: Ledger;
  /** Who grants bytes of the budget, where that is not the ledger of this process. */
  readonly grants?: Grants;
  /** Has Node's HTTP serve all plain requests, not only unusual ones: slower, and the same otherwise. Not in a worker. */
  readonly nodeHttp?: boolean;
}

export interface ListenOptions {
  /** An IP address of this machine. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** CIDRs that clients must come from; empty: nobody. */
  readonly clients: readonly string[];
  /** For programs that know of no proxy, at the same address, which is IPv4 then. Absent: nothing is there for them. */
  readonly direct?: DirectPorts;
}

/** Questions of a job for names, per second. */
const QUESTIONS_PER_SECOND = 1_000;

/** The HTTP(S) proxy of one job. */
export interface EgressProxy extends AsyncDisposable {
  /**
   * Begins to accept, and gives where. Once only, and not after `close`.
   *
   * @throws PolicyError for a range of clients that is not valid; else what the system says (`EADDRINUSE`, …).
   */
  listen(options: ListenOptions): Promise<Bound>;
  /** Replaces the ranges of clients; connections of others end. @throws PolicyError, changing nothing. */
  setClients(cidrs: readonly string[]): void;
  /** Replaces the operator's deny list; what it forbids ends at once. @throws DenyListError, changing nothing. */
  setDenied(entries: readonly string[]): void;
  /**
   * Changes the job's part of the policy while the job runs. Once it settles, the new policy holds for all that is new
   * and all that is under way: what it forbids is cut, and nothing of the old one is accepted any more. Where a job
   * without a rate gets one, its connections are cut. Ports that entries add are for programs that use the proxy.
   *
   * @throws PolicyError (AllowlistError, DenyListError) and Error where it is closed, changing nothing.
   */
  change(change: PolicyChange): Promise<PolicyChanged>;
  figures(): Figures;
  /** Takes nothing new, lets what is under way finish for at most `ms`, and closes. */
  drain(ms: number): Promise<void>;
  /** Ends everything at once; settles when all is gone. */
  close(): Promise<void>;
}

/**
 * Makes the proxy of a job, which opens nothing before it listens.
 *
 * @throws PolicyError (AllowlistError, DenyListError) for a policy that cannot be kept.
 */
export function createEgressProxy(policy: EgressPolicy, options: EgressProxyOptions = {}): EgressProxy {
  return new JobProxy(parsePolicy(policy), options);
}

/** For the ledger to say what is left of another budget, ms: where it cannot be written to, nothing passes until it can. */
const BUDGET_KNOWN_MS = 1_000;

/** How often it is looked at what is buffered, ms. */
const LOOK_MS = 1_000;

class JobProxy implements EgressProxy {
  readonly #logger: Logger;
  #policy: EgressPolicy;
  readonly #sessions: Sessions;
  readonly #recorder: Recorder;
  readonly #connections: Semaphore;
  readonly #descriptors = descriptors.share();
  readonly #turn = turns.ofJob();
  readonly #tunnels: Semaphore;
  readonly #requests: Semaphore;
  readonly #limiter: JobLimiter;
  readonly #ledger: Ledger;
  readonly #spending: Spending;
  readonly #resolver: Resolver;
  readonly #destinations: Destinations;
  readonly #dialler: Dialler;
  readonly #denied: Denied;
  readonly #decider: Decider;
  readonly #large: LargeBuffers;
  readonly #agent: OriginAgent;
  readonly #pool = new OriginPool();
  readonly #acceptor: Acceptor;
  readonly #dispatch: Dispatch;
  readonly #direct: (port: number) => Direct;
  readonly #cuts: Cuts;
  readonly #names: Names;
  readonly #udpNames: UdpNames;
  readonly #listeners: Listeners;
  readonly #bufferedBytes: number;
  #watch: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  #wakeDrain: (() => void) | undefined;

  constructor(
    parsed: ParsedPolicy,
    { logger = silentLogger, onEvent, leases, ledger, grants, nodeHttp = false }: EgressProxyOptions,
  ) {
    const { job, operator } = parsed.policy;
    const { limits } = operator;
    this.#policy = parsed.policy;
    this.#logger = logger;
    this.#bufferedBytes = limits.bufferedBytes;
    this.#connections = new Semaphore(limits.connections, 'too-many-connections');
    this.#tunnels = new Semaphore(limits.tunnels, 'too-many-tunnels');
    this.#requests = new Semaphore(limits.requests, 'too-many-requests');
    this.#recorder = new Recorder({ job: job.job, execution: job.execution, logger, onEvent });
    this.#ledger = ledger ?? new Ledger();
    this.#ledger.budget = parsed.budget;
    this.#spending = new Spending({
      budget: parsed.budget,
      grants: grants ?? this.#ledger,
      rate: () => this.#policy.job.rate,
      onUsedUp: (host) => this.#cuts.usedUp(host),
    });
    this.#sessions = new Sessions(
      () => this.#wakeWhenEmpty(),
      (host) => this.#spending.of(host),
    );
    this.#limiter = new JobLimiter({ rate: job.rate, burst: operator.burst, spending: this.#spending });
    const dns = { dns: parsed.dns, addHosts: operator.addHosts, timeoutMs: limits.dnsTimeoutMs };
    this.#resolver = createResolver({ ...dns, maxLookups: limits.lookups });
    this.#destinations = new Destinations(leases ?? destinationCaps.ofJob(limits));
    this.#dialler = createDialler({
      ...dns,
      upstream: parsed.upstream,
      leave: (destination) => this.#destinations.acquire(destination),
    });
    this.#denied = new Denied(parsed.deny, {
      // Where the upstream resolves, this node may have no name servers to ask.
      resolver: this.#dialler.resolvesNames
        ? null
        : createResolver({ ...dns, maxLookups: Number.POSITIVE_INFINITY }),
      onChange: () => this.#sessions.end('operator-denied', ({ target }) => this.#decider.isDenied(target)),
      logger,
    });
    this.#decider = new Decider({
      denied: this.#denied,
      job: { allow: parsed.allowlist, deny: parsed.jobDeny },
      resolver: this.#resolver,
      rule: new AddressRule({
        exceptions: parsed.exceptions,
        node: new NodeAddresses({ listed: parsed.nodeAddresses }),
        listeners: (port) => [...listenersOn(port), ...this.#dialler.ownTargets()],
        deniedAddresses: (address, port) => this.#denied.matchAddress(address, port),
      }),
      ...(parsed.learn && { learn: parsed.learn }),
      dialler: this.#dialler,
      dials: new Semaphore(limits.dials, 'too-many-dials'),
      connectTimeoutMs: limits.connectTimeoutMs,
      tls: new OriginTls({ trusted: parsed.trustedCertificates, limiter: this.#limiter }),
      limiter: this.#limiter,
      isUsedUp: (host) => this.#spending.isUsedUp(host),
    });
    this.#agent = new OriginAgent((target, cancel) => this.#decider.dialForRequests(target, cancel));
    const shared = {
      refuser: new Refuser({ job: job.job, recorder: this.#recorder, logger }),
      recorder: this.#recorder,
      sessions: this.#sessions,
      decider: this.#decider,
      limiter: this.#limiter,
      tunnels: this.#tunnels,
      requests: this.#requests,
      idle: new IdleWatch(limits.tunnelIdleMs),
    };
    const { credentials } = parsed.upstream ?? {};
    this.#large = new LargeBuffers({ lent: !this.#limiter.isLimited });
    const tunnels = {
      ...shared,
      operator,
      nodeHttp,
      turn: this.#turn,
      large: this.#large,
    };
    const dispatch = new Dispatch({
      ...tunnels,
      agent: this.#agent,
      pool: this.#pool,
      stamp: [operator.jobHeader, job.job],
      headerBytes: limits.headerBytes,
      ...(this.#dialler.forwardsRequests && {
        forward: { authorization: credentials && basicAuthorization(credentials) },
      }),
    });
    this.#dispatch = dispatch;
    this.#direct = (port) => new Direct({ ...tunnels, dispatch }, port);
    this.#acceptor = new Acceptor({
      ...shared,
      connections: this.#connections,
      descriptors: this.#descriptors,
      connectionRate: new ConnectionRate(limits.connectionsPerSecond),
      limiter: this.#limiter,
      headerTimeoutMs: limits.headerTimeoutMs,
      onGone: () => this.#wakeWhenEmpty(),
    });
    this.#cuts = new Cuts({
      ...shared,
      agent: this.#agent,
      pool: this.#pool,
      spending: this.#spending,
      acceptor: this.#acceptor,
      logger,
    });
    this.#names = new Names({ ...shared, rate: new ConnectionRate(QUESTIONS_PER_SECOND) });
    this.#udpNames = new UdpNames(this.#names, (address) => this.#acceptor.isClient(address));
    this.#listeners = new Listeners(this.#acceptor, logger);
  }

  async listen({ host, port, clients, direct }: ListenOptions): Promise<Bound> {
    if (this.#sessions.closing) throw new Error('the proxy is closed');
    this.setClients(clients);
    this.#denied.watch();
    this.#watch ??= setInterval(() => this.#sessions.bound(this.#bufferedBytes), LOOK_MS).unref();
    const bound = await this.#listeners.open(host, port, this.#dispatch);
    const at = { host: bound.address, port: bound.port };
    return direct ? { ...at, direct: await this.#listenDirect(bound.address, direct) } : at;
  }

  async #listenDirect(host: string, { names, ports }: DirectPorts): Promise<DirectPorts> {
    this.#names.gateway = host;
    const { port } = await this.#listeners.open(host, names, new TcpNames(this.#names), { usual: true });
    await this.#udpNames.listen(host, port);
    const bound: [number, number][] = [];
    for (const [direct, own] of ports) {
      bound.push([direct, (await this.#listeners.open(host, own, this.#direct(direct), { direct })).port]);
    }
    return { names: port, ports: bound };
  }

  setClients(cidrs: readonly string[]): void {
    this.#acceptor.setClients(cidrs);
  }

  setDenied(entries: readonly string[]): void {
    this.#denied.watch(DenyList.parse(entries));
    this.#policy = { ...this.#policy, operator: { ...this.#policy.operator, deny: entries } };
  }

  async change(change: PolicyChange): Promise<PolicyChanged> {
    if (this.#closed) throw new Error('the proxy is closed');
    const policy = { ...this.#policy, job: { ...this.#policy.job, ...change } };
    const { allowlist: allow, jobDeny: deny, budget } = parsePolicy(policy);
    // Nothing comes in between: no connection sees half of it.
    this.#policy = policy;
    this.#decider.job = { allow, deny };
    const wasLimited = this.#limiter.isLimited;
    if (change.budget !== undefined) {
      this.#ledger.budget = budget;
      this.#spending.budget = budget;
      this.#sessions.recount();
    }
    this.#limiter.rate = policy.job.rate;
    this.#large.lent = !this.#limiter.isLimited;
    const endless = this.#limiter.isLimited && !wasLimited ? this.#cuts.unlimited() : [];
    const cut = new Set([...endless, ...this.#cuts.forbidden()]);
    if (change.budget !== undefined) await this.#spending.ready(BUDGET_KNOWN_MS);
    // What was allowed just before has begun by then.
    await new Promise((resolve) => setImmediate(resolve));
    for (const connection of this.#cuts.forbidden()) cut.add(connection);
    return { cut: cut.size };
  }

  figures(): Figures {
    const { allowed, denied } = this.#recorder.hosts;
    return {
      ...this.#acceptor.bytes,
      connections: this.#connections.open,
      tunnels: this.#tunnels.open,
      requests: this.#requests.open,
      allowed,
      denied,
      throttledMs: this.#limiter.throttledMs,
      hosts: this.#recorder.hosts.list(),
    };
  }

  async drain(ms: number): Promise<void> {
    if (!this.#sessions.closing) {
      this.#sessions.closing = true;
      void this.#listeners.close();
      this.#acceptor.closeIdle();
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

  async #close(): Promise<void> {
    this.#sessions.closing = true;
    this.#wakeDrain?.();
    const stopped = Promise.all([this.#listeners.close(), this.#udpNames.close()]);
    this.#sessions.end('closed');
    const gone = this.#acceptor.close();
    this.#limiter.close();
    this.#ledger.close();
    this.#dialler.close();
    this.#resolver.close();
    this.#denied.close();
    this.#agent.destroy();
    this.#pool.close();
    this.#descriptors.close();
    this.#turn.close();
    clearInterval(this.#watch);
    await Promise.all([stopped, gone]);
    const left = await this.#sessions.settled();
    if (left > 0) this.#logger.error({ left }, 'unexpected: sessions that did not end with their sockets');
    this.#destinations.close();
    this.#listeners.forget();
    this.#recorder.flush();
  }

  #wakeWhenEmpty(): void {
    if (this.#acceptor.isEmpty && this.#sessions.size === 0) this.#wakeDrain?.();
  }
}
