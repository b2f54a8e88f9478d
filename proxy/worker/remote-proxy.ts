import { Clients } from '../accept/clients.js';
import { Ledger } from '../budget/ledger.js';
import { destinationCaps, type JobLeases } from '../dial/destination-caps.js';
import type { EgressProxy, EgressProxyOptions, ListenOptions } from '../egress-proxy.js';
import type { Bound } from '../listeners.js';
import { DenyList } from '../policy/deny-list.js';
import { parsePolicy } from '../policy/parse-policy.js';
import type { EgressPolicy, PolicyChange, PolicyChanged } from '../policy/policy.js';
import { addFigures, type Figures, NO_FIGURES } from '../report/figures.js';
import { tellEvent } from '../report/log.js';
import { LINK_VERSION, type ProxyReport, type Wanted } from './link.js';
import type { WorkerLink } from './worker-link.js';

/** Where a proxy runs. */
export interface Place {
  readonly link: WorkerLink;
  /** In a container: the address that the engine's host would have on the job's network. */
  readonly hostEnd?: string;
}

export interface RemoteProxyOptions extends EgressProxyOptions {
  /** Finds a worker for it. Called once, when it listens. */
  readonly place: (proxy: RemoteProxy) => Promise<Place>;
  /** It is closed, or has failed. */
  readonly onOver?: (proxy: RemoteProxy) => void;
  /** It listens, for the first time. */
  readonly onListening?: (proxy: RemoteProxy) => void;
  /** Its worker does not do as it is told: it is to be ended. */
  readonly onStuck: (proxy: RemoteProxy, why: string) => void;
}

/** A worker that ended longer ago, ms, is not held against a proxy. */
const PROBATION_MS = 600_000;

/** Leave that a worker gets at once, at most. */
const MAX_LEASE = 64;

/** Bytes that a worker gets at once of a budget, at most: more than an allowance asks for. */
const MAX_GRANT = 2 ** 40;

/** For closing what is to be closed, and for a change of the policy, ms: a worker is not trusted to do as it is told. */
const CLOSE_MS = 5_000;
const CHANGE_MS = 5_000;

let ids = 0;

/**
 * The egress proxy of a job that runs in a worker, as if it ran here. What a worker takes with it when it dies are the
 * connections: with `openAgain` in another, address, clients, policy and counts are as they were.
 */
export class RemoteProxy implements EgressProxy {
  readonly #id = ++ids;
  readonly #options: RemoteProxyOptions;
  #policy: EgressPolicy;
  #listen: ListenOptions | undefined;
  #link: WorkerLink | undefined;
  /** Of workers that are gone. */
  #before: Figures = NO_FIGURES;
  #figures: Figures = NO_FIGURES;
  /** Of both, once somebody has asked: they are asked for more often than they change. */
  #sum: Figures | undefined;
  readonly #leases: JobLeases;
  readonly #ledger: Ledger;
  #opening: Opening | undefined;
  /** Changes that its worker has not said to hold, by number: with how many connections were cut for them. */
  readonly #changes = new Map<number, (cut: number) => void>();
  #changed = 0;
  #wasOpen = false;
  /** When it lost its worker, ms of the monotonic clock. */
  #lostAt: readonly number[] = [];
  #over = false;
  /** Why it has failed. */
  #failure: Error | undefined;
  #setClosed: () => void = () => {};
  readonly #closed = new Promise<void>((resolve) => {
    this.#setClosed = resolve;
  });

  /** @throws what `createEgressProxy` throws. */
  constructor(policy: EgressPolicy, options: RemoteProxyOptions) {
    this.#ledger = options.ledger ?? new Ledger();
    this.#ledger.budget = parsePolicy(policy).budget;
    this.#policy = policy;
    this.#options = options;
    this.#leases = destinationCaps.ofJob(policy.operator.limits);
  }

  /** Where it listens; undefined before. */
  get address(): Bound | undefined {
    return this.#listen;
  }

  /**
   * How often its worker ended within the last ten minutes: it may be the cause. After the second time it is alone in
   * the next one; a third time is its end.
   */
  get losses(): number {
    return this.#lostAt.length;
  }

  async listen(options: ListenOptions): Promise<Bound> {
    if (this.#over) throw new Error('the proxy is closed');
    new Clients(options.clients);
    this.#listen = options;
    const bound = await this.#open(await this.#options.place(this));
    this.#listen = { ...this.#listen, ...bound };
    this.#wasOpen = true;
    this.#options.onListening?.(this);
    return bound;
  }

  /** Its worker has ended: for whoever finds it another one. @returns whether it needs one. */
  lostWorker(): boolean {
    this.#link = undefined;
    this.#leases.close();
    // With it went all that it had let through; the next one gets the policy as it is.
    this.#settleChanges(this.#figures.connections);
    const { connections, tunnels, requests } = NO_FIGURES;
    this.#before = { ...this.figures(), connections, tunnels, requests };
    this.#figures = NO_FIGURES;
    this.#sum = undefined;
    const now = performance.now();
    this.#lostAt = [...this.#lostAt.filter((at) => now - at < PROBATION_MS), now];
    if (this.#over) this.#finish();
    return !this.#over;
  }

  /** In another worker. @throws what `listen` throws. */
  async openAgain(place: Place): Promise<void> {
    await this.#open(place);
  }

  setClients(cidrs: readonly string[]): void {
    new Clients(cidrs);
    if (this.#listen) this.#listen = { ...this.#listen, clients: cidrs };
    this.#link?.send({ do: 'clients', id: this.#id, cidrs });
  }

  setDenied(entries: readonly string[]): void {
    DenyList.parse(entries);
    this.#policy = { ...this.#policy, operator: { ...this.#policy.operator, deny: entries } };
    this.#link?.send({ do: 'deny', id: this.#id, entries });
  }

  async change(change: PolicyChange): Promise<PolicyChanged> {
    if (this.#over) throw new Error('the proxy is closed');
    const policy = { ...this.#policy, job: { ...this.#policy.job, ...change } };
    this.#ledger.budget = parsePolicy(policy).budget;
    this.#policy = policy;
    const link = this.#link;
    // Nothing is open. Whatever opens it does so with this policy.
    if (!link) return { cut: 0 };
    const number = ++this.#changed;
    const cut = new Promise<number>((resolve) => this.#changes.set(number, resolve));
    link.send({ do: 'change', id: this.#id, number, change });
    const stuck = setInterval(
      () => this.#options.onStuck(this, 'it does not change the policy of a gateway'),
      CHANGE_MS,
    );
    try {
      return { cut: await cut };
    } finally {
      clearInterval(stuck);
    }
  }

  figures(): Figures {
    if (this.#before === NO_FIGURES) return this.#figures;
    this.#sum ??= addFigures(this.#before, this.#figures);
    return this.#sum;
  }

  async drain(ms: number): Promise<void> {
    await this.#end((link) => link.send({ do: 'drain', id: this.#id, ms }), ms);
  }

  async close(): Promise<void> {
    await this.#end((link) => link.send({ do: 'close', id: this.#id }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** It cannot be had again: closed, and whoever waits for it or made it is told. */
  fail(error: Error): void {
    if (this.#over) return;
    this.#failure = error;
    this.#opening?.reject(error);
    this.#finish();
    if (this.#wasOpen) this.#options.onFailed?.(error);
  }

  async #end(tell: (link: WorkerLink) => void, drainMs = 0): Promise<void> {
    this.#over = true;
    this.#opening?.reject(new Error('the proxy is closed'));
    if (this.#link) tell(this.#link);
    else this.#finish();
    const stuck = setTimeout(
      () => this.#options.onStuck(this, 'it does not close a gateway'),
      drainMs + CLOSE_MS,
    );
    await this.#closed;
    clearTimeout(stuck);
  }

  async #open({ link, hostEnd }: Place): Promise<Bound> {
    if (!this.#listen || this.#over) throw new Error('the proxy is closed');
    this.#link = link;
    link.add(this.#id, (report) => this.#take(report));
    link.send({
      do: 'open',
      v: LINK_VERSION,
      id: this.#id,
      policy: this.#policy,
      listen: this.#listen,
      ...(hostEnd !== undefined && { hostEnd }),
    });
    // Where a worker dies before it has opened it, the next one does what its caller waits for.
    this.#opening ??= new Opening();
    const bound = await this.#opening.done;
    // What came right behind its word.
    if (this.#over) throw this.#failure ?? new Error('the proxy is closed');
    return bound;
  }

  #take(report: ProxyReport): void {
    const { logger } = this.#options;
    switch (report.is) {
      case 'ready': {
        const { host, port, direct } = this.#listen as ListenOptions;
        // Others are told that it listens there: not its to say, but for a port that was left to the system.
        if (port !== 0 && report.port !== port) throw new Error('it listens where nobody told it to');
        const opening = this.#opening;
        this.#opening = undefined;
        opening?.resolve({ host, port: report.port, ...(direct && { direct }) });
        return;
      }
      case 'refused': {
        const { message, code } = report;
        const error = Object.assign(new Error(message), code !== undefined && { code });
        this.#link?.remove(this.#id);
        this.#link = undefined;
        const opening = this.#opening;
        this.#opening = undefined;
        if (opening) opening.reject(error);
        else this.fail(error);
        if (this.#over) this.#finish();
        return;
      }
      case 'event': {
        const { job, execution } = this.#policy.job;
        tellEvent({ ...report.event, job, ...(execution !== undefined && { execution }) }, this.#options);
        return;
      }
      case 'figures':
        this.#figures = { hosts: this.#figures.hosts, ...report.figures };
        this.#sum = undefined;
        return;
      case 'changed':
        this.#changes.get(report.number)?.(report.cut);
        this.#changes.delete(report.number);
        return;
      case 'lease': {
        const { destination } = report;
        const count = this.#leases.lease(destination, Math.min(report.count, MAX_LEASE));
        this.#link?.reply({ do: 'leased', id: this.#id, destination, count });
        return;
      }
      case 'give-back':
        this.#leases.giveBack(report.destination, report.count);
        return;
      case 'spend':
        void this.#grant(report);
        return;
      case 'log':
        logger?.[report.level]?.(report.fields, report.message);
        return;
      case 'closed':
        // Unasked, it is a worker that was told to end, by a signal: what comes of that is seen when it has.
        if (this.#over) this.#finish();
    }
  }

  /** The worker that asked may be gone by then, and what it was granted with it. */
  async #grant({ direction, bytes: want, host }: Wanted): Promise<void> {
    const link = this.#link;
    const bytes = await this.#ledger.grant(direction, Math.min(want, MAX_GRANT), host);
    const about = { direction, bytes, ...(host !== undefined && { host }) };
    if (!link || link !== this.#link) return;
    try {
      link.reply({ do: 'granted', id: this.#id, ...about });
    } catch (error) {
      this.#options.onStuck(this, (error as Error).message);
    }
  }

  #settleChanges(cut: number): void {
    for (const settle of this.#changes.values()) settle(cut);
    this.#changes.clear();
  }

  #finish(): void {
    this.#over = true;
    this.#settleChanges(this.#figures.connections);
    this.#link?.remove(this.#id);
    this.#link = undefined;
    this.#leases.close();
    this.#ledger.close();
    this.#setClosed();
    this.#options.onOver?.(this);
  }
}

/** Until a worker says that it listens. */
class Opening {
  resolve: (bound: Bound) => void = () => {};
  reject: (error: Error) => void = () => {};
  readonly done = new Promise<Bound>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}
