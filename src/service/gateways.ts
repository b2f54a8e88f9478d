import type { Job } from '../../admission/job.js';
import type { Engine } from '../../docker/engine/engine.js';
import type { Gateway, NetworkWish, OpenGateway } from '../../docker/gateway/gateway.js';
import type { OwnedNetwork } from '../../docker/gateway/owned-network.js';
import type { Owner } from '../../docker/gateway/owner.js';
import type { Ledger } from '../../proxy/budget/ledger.js';
import { formatBudget } from '../../proxy/policy/budget.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { JobPolicy, OperatorPolicy } from '../../proxy/policy/policy.js';
import type { ProxyEvent } from '../../proxy/report/events.js';
import type { OpenedBy } from '../account/account.js';
import { LearnedDomains } from '../job/learned-domains.js';
import { ApiError } from './api-error.js';
import type { EngineLink } from './engine-link.js';
import type { EventHub, GatewayEvent } from './event-hub.js';
import { KeptLedger } from './kept-ledger.js';
import { LeftNetworks } from './left-networks.js';
import { logWithIds } from './log-with-ids.js';
import { jobPolicyOf, type LivePolicy } from './policy/live-policy.js';
import { ServedGateway } from './served-gateway.js';
import type { SpentStore } from './spent-store.js';

interface GatewaysOptions {
  readonly link: EngineLink;
  readonly owner: Owner;
  /** The operator's part of a job's policy. @throws AdmissionRefused where there is none for it. */
  readonly operator: (policy: JobPolicy) => OperatorPolicy;
  readonly openGateway: OpenGateway;
  /** False: what callers are given for their jobs' environment is without JAVA_TOOL_OPTIONS and NODE_USE_ENV_PROXY. */
  readonly runtimeVariables?: boolean | undefined;
  readonly hub: EventHub;
  readonly logger: Logger;
  /** A gateway without a container is closed after so long, ms. */
  readonly unusedAfterMs: number;
  /** Whether somebody else closes a gateway when it is used no more. Default: nobody does. */
  readonly isKept?: (gateway: ServedGateway) => boolean;
  /** Called before a gateway is opened, for what may still stand in its way. @throws what the caller is told. */
  readonly beforeOpen?: (policy: JobPolicy) => Promise<void>;
  /** What jobs have taken of their budgets. */
  readonly budgets: Pick<SpentStore, 'read' | 'write'>;
  /** Id of the engine, for what is stored; empty where it cannot be asked. */
  readonly engineId: () => Promise<string>;
  /** Forgets what is stored of a network that is gone. */
  readonly forgetStored: (network: string) => Promise<void>;
  /** Keeps for the next serve that a gateway is over whose network is there yet. Never throws. */
  readonly keepClosed: (gateway: ServedGateway) => Promise<void>;
  /** Called a few times a second, once all gateways were looked at; ms of `performance.now()`. */
  readonly onSample?: (time: number) => void;
  /** A gateway was closed: its last figures. */
  readonly onClosed?: (gateway: ServedGateway, reason: string | undefined) => void;
}

interface Entry {
  readonly wanted: string;
  /** The gate whose client it is for; undefined: the API's. */
  readonly gate: string | undefined;
  readonly opening: Promise<ServedGateway>;
  /** Once it is open: its policy may be another than the one that was wanted. */
  served?: ServedGateway;
}

/** What a gateway is opened with beside its policy. */
interface More {
  readonly wish?: NetworkWish | undefined;
  /** What admission was asked about. */
  readonly job?: Job;
  /** For its account. */
  readonly openedBy?: OpenedBy;
}

const TICK_MS = 2_000;
const SAMPLE_MS = 250;

/** The gateways of this serve: by id, and by the execution or job that each is for. */
export class Gateways {
  readonly #options: GatewaysOptions;
  readonly #byKey = new Map<string, Entry>();
  readonly #byId = new Map<string, ServedGateway>();
  readonly #left: LeftNetworks;
  readonly #timer: NodeJS.Timeout;
  readonly #sampler: NodeJS.Timeout;
  #closing = false;

  constructor(options: GatewaysOptions) {
    this.#options = options;
    this.#left = new LeftNetworks(options.link, options.forgetStored);
    this.#timer = setInterval(() => void this.#tick(), TICK_MS).unref();
    this.#sampler = setInterval(() => {
      const now = performance.now();
      for (const served of this.#byId.values()) served.sample(now);
      options.onSample?.(now);
    }, SAMPLE_MS).unref();
  }

  list(): ServedGateway[] {
    return [...this.#byId.values()];
  }

  find(id: string): ServedGateway | undefined {
    return this.#byId.get(id);
  }

  /** @throws ApiError for an id that is not known. */
  get(id: string): ServedGateway {
    const found = this.find(id);
    if (!found) throw new ApiError('not-found', `there is no gateway ${id}`);
    return found;
  }

  /**
   * Opens the gateway of an execution, else of a job; asked again for the same, gives the same: for the policy that it
   * was opened with, or has by now. `admit` is called before anything is made, and only for a new one.
   *
   * @throws ApiError `conflict` where the id has a gateway with another policy, `closing` where this serve ends;
   *   whatever `admit` and the gateway throw.
   */
  async open(
    policy: JobPolicy,
    admit: () => Promise<void>,
    more: More = {},
  ): Promise<{ gateway: ServedGateway; created: boolean }> {
    const key = keyOf(policy);
    const wanted = fingerprint(policy);
    await this.#options.beforeOpen?.(policy);
    const gate = more.wish?.gate;
    for (let known = this.#byKey.get(key); known; known = this.#byKey.get(key)) {
      // What one party has is not given to another that knows the id.
      if (known.gate !== gate) throw new ApiError('conflict', `${key} has a gateway of somebody else`);
      if (known.wanted !== wanted && !(known.served && fingerprint(known.served.policy) === wanted)) {
        throw new ApiError(
          'conflict',
          `${key} has a gateway with other domains, another rate or another budget: close it first, or use an execution id of its own`,
        );
      }
      const gateway = await known.opening;
      if (gateway.state === 'open') return { gateway, created: false };
      if (gateway.state === 'draining') throw new ApiError('conflict', `the gateway of ${key} is closing`);
      await this.close(gateway.id);
    }
    if (this.#closing) throw new ApiError('closing', 'this serve is ending: ask the next one');
    const opening = admit().then(() => this.#open(policy, more));
    const entry: Entry = { wanted, gate, opening };
    this.#byKey.set(key, entry);
    try {
      entry.served = await opening;
      return { gateway: entry.served, created: true };
    } catch (error) {
      this.#byKey.delete(key);
      throw error;
    }
  }

  /** Shows the gateway of a job that this serve runs. @returns to be called when it is closed. */
  track(gateway: Gateway, policy: JobPolicy, job: Job, ledger: Ledger): () => void {
    const more = { created: new Date(), ofJob: true, job, ledger, ...this.#forAll };
    const served = new ServedGateway(gateway, policy, more);
    this.#byId.set(served.id, served);
    this.#tell(served, 'opened');
    return () => {
      served.state = 'closed';
      const reason = 'its job has ended';
      served.reason ??= reason;
      if (this.#forget(served, reason)) this.#tell(served, 'closed', reason);
    };
  }

  get #forAll() {
    return { runtimeVariables: this.#options.runtimeVariables };
  }

  /** Whether the execution, else the job, has a gateway already. */
  isTaken(of: JobPolicy): boolean {
    return this.#byKey.has(keyOf(of));
  }

  /** Opens a gateway again whose serve has gone, with a policy that is another than its network's labels say, if any. */
  async reopen(
    existing: OwnedNetwork,
    { engine, owner, live }: { engine: Engine; owner: Owner; live?: LivePolicy | undefined },
  ): Promise<ServedGateway> {
    const { job, execution, name, allow, rate, budget, learn, created, gate, shared } = existing.record;
    const opened: JobPolicy = {
      job,
      ...(execution !== undefined && { execution }),
      ...(name !== undefined && { name }),
      allow,
      rate,
      ...(budget && { budget }),
      ...(learn && { learn }),
    };
    const policy = live ? jobPolicyOf(opened, live) : opened;
    const key = keyOf(policy);
    if (this.isTaken(policy)) throw new ApiError('conflict', `${key} has a gateway already`);
    const opening = this.#make(policy, {
      engine,
      existing,
      owner,
      live,
      created,
      wish: gate === undefined ? undefined : { gate, shared: shared ?? false },
    });
    const entry: Entry = { wanted: fingerprint(opened), gate, opening };
    this.#byKey.set(key, entry);
    try {
      entry.served = await opening;
      return entry.served;
    } catch (error) {
      this.#byKey.delete(key);
      throw error;
    }
  }

  /** Closes a gateway at once, or after its connections have had `drainMs` to finish. */
  async close(
    id: string,
    { drainMs = 0, reason }: { drainMs?: number; reason?: string } = {},
  ): Promise<ServedGateway> {
    const served = this.get(id);
    if (served.ofJob) {
      throw new ApiError('conflict', `gateway ${id} is that of job ${served.policy.job}: delete the job`);
    }
    served.state = 'draining';
    const { gateway } = served;
    try {
      await (drainMs > 0 ? gateway.drain(drainMs) : gateway.close());
      await this.#options.forgetStored(gateway.network.id);
    } catch (error) {
      // Its proxy is closed. The network goes later.
      this.#options.logger.error(
        { ...served.ids, err: error },
        'the network of a closed gateway stays for now',
      );
      this.#left.add(gateway.network);
      await this.#options.keepClosed(served);
    }
    served.state = 'closed';
    served.reason ??= reason;
    if (this.#forget(served, reason)) this.#tell(served, 'closed', reason);
    return served;
  }

  /** A network is gone that nobody was to remove, or the lock-down is lost. */
  fail(served: ServedGateway, reason: string): void {
    if (served.state !== 'open') return;
    served.state = 'failed';
    served.reason = reason;
    this.#options.logger.error({ ...served.ids, gateway: served.id, reason }, 'a gateway failed');
    this.#tell(served, 'failed', reason);
    // Its containers are cut off for good: one that a next serve opened again would serve nobody.
    if (!served.ofJob) void this.#options.keepClosed(served);
  }

  /** Takes no more. */
  stopTaking(): void {
    this.#closing = true;
  }

  /** Leaves all to the next serve, connections drained for at most `ms`; those that failed are removed. */
  async leave(ms: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#timer);
    clearInterval(this.#sampler);
    await Promise.allSettled([...this.#byKey.values()].map(({ opening }) => opening));
    await Promise.all(
      this.list()
        .filter(({ ofJob }) => !ofJob)
        .map((served) =>
          served.state === 'failed'
            ? this.close(served.id)
            : served.gateway
                .leave(ms)
                .catch((error) =>
                  this.#options.logger.error({ ...served.ids, err: error }, 'a gateway did not end well'),
                ),
        ),
    );
    await this.#left.remove();
  }

  async #open(policy: JobPolicy, { wish, job, openedBy }: More): Promise<ServedGateway> {
    // Admission may have taken its time.
    if (this.#closing) throw new ApiError('closing', 'this serve is ending: ask the next one');
    const { link, owner } = this.#options;
    return this.#make(policy, { engine: link.engine, owner, created: new Date(), wish, job, openedBy });
  }

  async #make(
    policy: JobPolicy,
    {
      engine,
      existing,
      owner,
      created,
      wish,
      live,
      job: asked,
      openedBy,
    }: {
      engine: Engine;
      existing?: OwnedNetwork;
      owner: Owner;
      created: Date;
      wish: NetworkWish | undefined;
      live?: LivePolicy | undefined;
      job?: Job | undefined;
      openedBy?: OpenedBy | undefined;
    },
  ): Promise<ServedGateway> {
    const { operator: operatorOf, hub, logger, openGateway } = this.#options;
    let gateway: Gateway | undefined;
    const { job, execution } = policy;
    const kept = await KeptLedger.of(policy, existing?.id, this.#options);
    const { ledger } = kept;
    const operator = operatorOf(policy);
    const learned = policy.learn ? new LearnedDomains(policy.allow, operator.allowPorts) : undefined;
    const onEvent = (event: ProxyEvent) => {
      learned?.add(event);
      if (gateway) hub.publish({ ...event, gateway: gateway.id });
    };
    gateway = await openGateway({
      engine,
      owner,
      policy: { job: policy, operator },
      logger: logWithIds(logger, { job, execution }),
      onEvent,
      ledger,
      ...(existing && { existing }),
      ...(wish && { network: wish }),
    });
    try {
      await kept.keepFor(gateway.network.id);
    } catch (error) {
      await (existing ? gateway.leave(0) : gateway.close());
      throw error;
    }
    const more = {
      created,
      ledger,
      openedBy,
      reopened: existing !== undefined,
      learned,
      wish,
      live,
      job: asked,
      ...this.#forAll,
    };
    const served = new ServedGateway(gateway, policy, more);
    this.#byId.set(served.id, served);
    void gateway.failed.then((error) => this.fail(served, error.message));
    this.#tell(served, existing ? 'reopened' : 'opened');
    return served;
  }

  #forget(served: ServedGateway, reason: string | undefined): boolean {
    if (!this.#byId.delete(served.id)) return false;
    served.endedAt = new Date();
    served.history.end(performance.now(), served.gateway.figures());
    if (!served.ofJob) this.#byKey.delete(keyOf(served.policy));
    this.#options.onClosed?.(served, reason);
    return true;
  }

  #tell(served: ServedGateway, change: GatewayEvent['change'], reason?: string): void {
    const about = { ...served.ids, gateway: served.id, ...(reason !== undefined && { reason }) };
    if (change !== 'failed')
      this.#options.logger.info({ event: 'gateway', change, ...about }, `gateway ${change}`);
    this.#options.hub.publish({ type: 'gateway', time: Date.now(), change, ...about });
  }

  async #tick(): Promise<void> {
    const { unusedAfterMs, isKept = () => false } = this.#options;
    for (const served of this.list()) {
      const { unusedSince, state, ofJob } = served;
      if (ofJob || isKept(served) || state === 'draining' || unusedSince === undefined) continue;
      if (performance.now() - unusedSince < unusedAfterMs) continue;
      await this.close(served.id, { reason: `no container for ${unusedAfterMs / 1000} s` }).catch(() => {});
    }
    await this.#left.remove();
  }
}

function keyOf({ job, execution }: JobPolicy): string {
  return execution === undefined ? `job ${job}` : `execution ${execution}`;
}

function fingerprint({ job, execution, allow, deny = [], rate, budget, learn = false }: JobPolicy): string {
  const domains = [...new Set(allow)].sort();
  return JSON.stringify([job, execution, domains, rate, learn, deny, formatBudget(budget)]);
}
