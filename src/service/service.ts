import { realpathSync } from 'node:fs';
import { type Admission, createAdmission } from '../../admission/admission.js';
import type { RunOptions } from '../../admission/effective-network.js';
import type { Job } from '../../admission/job.js';
import type { Verdict } from '../../admission/rule.js';
import { type Engine, findEngine } from '../../docker/engine/engine.js';
import { GatewayError } from '../../docker/engine/errors.js';
import type { OpenGateway } from '../../docker/gateway/gateway.js';
import { Owner } from '../../docker/gateway/owner.js';
import type { Logger } from '../../proxy/policy/logger.js';
import { packageVersion } from '../../proxy/util/package-files.js';
import { AccountStore } from '../account/account-store.js';
import { readSigningKey } from '../account/signature.js';
import type { Config } from '../config/load.js';
import { AdmissionRefused } from '../errors.js';
import { type AdmittedJob, admit } from '../job/admit.js';
import { learnPolicy } from '../job/learn-policy.js';
import type { Abandoned } from './abandoned.js';
import { Accounts } from './accounts.js';
import { EndedGateways } from './ended-gateways.js';
import { EngineLink } from './engine-link.js';
import { EventHub } from './event-hub.js';
import { Gateways } from './gateways.js';
import { JobNames } from './job-names.js';
import { Jobs } from './jobs.js';
import { Metrics } from './metrics/metrics.js';
import type { Parts } from './metrics/parts.js';
import { NetworkWatch } from './network-watch.js';
import { Overview } from './overview/overview.js';
import { jobWith } from './policy/job-with.js';
import { PolicyChanges } from './policy/policy-changes.js';
import { PolicyStore } from './policy/policy-store.js';
import { RecentEvents } from './recent-events.js';
import { Recovery } from './recovery.js';
import type { ServedGateway } from './served-gateway.js';
import { SpentStore } from './spent-store.js';

interface ServiceOptions {
  readonly config: Config;
  readonly openGateway: OpenGateway;
  readonly logger: Logger;
  /** Where this serve listens, as far as that is unix sockets: no job may have them. */
  readonly sockets?: readonly string[];
  /** Id of the gate, if there is one: it closes its gateways itself. */
  readonly gate?: string;
  /** Whose metrics are told as well. Default: none. */
  readonly parts?: Parts;
  /** Default: the engine that the docker CLI would use. */
  readonly connect?: () => Promise<Engine>;
}

/** All that `jobgate serve` does, without its HTTP: gateways, their watch, admission, events, metrics. */
export class Service {
  readonly config: Config;
  readonly hub = new EventHub();
  readonly recent = new RecentEvents();
  readonly gateways: Gateways;
  readonly ended: EndedGateways;
  readonly jobs: Jobs;
  readonly policies: PolicyChanges;
  readonly metrics: Metrics;
  readonly accounts: Accounts;
  readonly overview: Overview;
  /** Of jobs that nodes asked admission about. */
  readonly names = new JobNames(() => this.gateways.list().map(({ ids }) => ids.job));
  readonly #admission: Admission;
  readonly #link: EngineLink;
  readonly #watch: NetworkWatch;
  readonly #recovery: Recovery;
  readonly #owners: Owner[];
  readonly #stores: readonly [PolicyStore, SpentStore];
  readonly #logger: Logger;
  /** Set by the gate, which sees it. */
  abandoned: () => readonly Abandoned[] = () => [];
  readonly #atEnd = new Set<() => void>();
  /** Through these a container would rule the node: the engine's sockets, and those of this serve. */
  readonly sockets: readonly string[];
  readonly #atReady = new Set<() => void>();
  readonly #atGone = new Set<(container: string) => void>();
  #ending = false;

  /** @throws AdmissionConfigError, GatewayError. */
  static async open(options: ServiceOptions): Promise<Service> {
    return new Service(options, await Owner.open('serve'), await Owner.open('run'));
  }

  private constructor(
    { config, openGateway, logger, sockets = [], gate, parts, connect }: ServiceOptions,
    owner: Owner,
    jobsOwner: Owner,
  ) {
    this.config = config;
    this.sockets = [...engineSockets(), ...sockets];
    this.#logger = logger;
    this.#owners = [owner, jobsOwner];
    const { unusedAfterMs, brokenContract } = config.service;
    this.hub.subscribe((event) => this.recent.add(event));
    this.ended = new EndedGateways(config.service.keepEndedMs);
    this.#admission = createAdmission(config.admission, {
      logger,
      operator: config.operator,
      onProbe: (rule, ms) => this.metrics.probed(rule, ms),
    });
    this.#link = new EngineLink({
      logger,
      ...(connect && { connect }),
      onUp: async (engine) => {
        await this.#recovery.start(engine);
        void this.#tidy(engine);
      },
      onReady: () => {
        void this.#watch.lookAtAll();
        for (const ready of this.#atReady) ready();
      },
      onNetworkEvent: (event) => this.#watch.onEvent(event),
      onContainerExited: (id, exitCode) => this.accounts.exited(id, exitCode),
      onContainerGone: (id) => {
        for (const gone of this.#atGone) gone(id);
      },
    });
    const store = new PolicyStore(config.service.stateDirectory);
    const budgets = new SpentStore(config.service.stateDirectory);
    this.#stores = [store, budgets];
    const forgetStored = async (network: string) => {
      await Promise.all(this.#stores.map((one) => one.remove(network)));
    };
    this.gateways = new Gateways({
      link: this.#link,
      owner,
      operator: (policy) => (policy.learn ? learnPolicy(config, this.#admission) : config.operator),
      openGateway,
      runtimeVariables: config.gateway.runtimeVariables,
      hub: this.hub,
      logger,
      unusedAfterMs,
      isKept: (served) => gate !== undefined && served.gate === gate,
      beforeOpen: (policy) => this.#recovery.retry(policy),
      budgets,
      engineId: () => this.#engineId(),
      forgetStored,
      keepClosed: (closed) => this.policies.keepClosed(closed),
      onSample: (time) => this.overview.sample(time),
      onClosed: (gateway, reason) => {
        this.accounts.closed(gateway, reason);
        this.policies.forget(gateway);
        this.metrics.closed(gateway);
        this.overview.closed(gateway);
        this.ended.add(gateway.view(), gateway.history);
      },
    });
    const { stateDirectory } = config.service;
    this.accounts = new Accounts({
      store: new AccountStore({ stateDirectory, ...config.account }),
      hub: this.hub,
      logger,
      key: config.account.keyFile === undefined ? undefined : readSigningKey(config.account.keyFile),
      versions: () => ({
        jobgate: packageVersion(),
        engine: this.#link.problem === undefined ? this.#link.engine.version : null,
      }),
      find: (id) => this.gateways.find(id),
    });
    this.policies = new PolicyChanges({
      store,
      hub: this.hub,
      logger,
      engineId: () => this.#engineId(),
      admit: (served, domains) => this.admit(jobWith(served, domains, config)),
      close: ({ id }, reason) => this.gateways.close(id, { reason }),
    });
    this.#recovery = new Recovery({
      engine: () => this.#link.engine,
      gateways: this.gateways,
      policies: store,
      forgetStored,
      onReopened: (served, stored) => {
        this.policies.tellEnded(served, stored);
        this.policies.watch(served);
      },
      hub: this.hub,
      logger,
      unusedAfterMs,
    });
    this.jobs = new Jobs({
      link: this.#link,
      owner: jobsOwner,
      operator: config.operator,
      rate: config.rate,
      openGateway,
      runtimeVariables: config.gateway.runtimeVariables,
      gateways: this.gateways,
      hub: this.hub,
      logger,
      admit: (job) => this.admit(job),
    });
    this.#watch = new NetworkWatch({
      link: this.#link,
      gateways: this.gateways,
      hub: this.hub,
      logger,
      broken: brokenContract,
      sockets: this.sockets,
    });
    this.overview = new Overview({
      gateways: this.gateways,
      ended: this.ended,
      jobs: () => this.jobs.list(),
      link: this.#link,
      hub: this.hub,
      parts,
    });
    this.metrics = new Metrics({
      gateways: this.gateways,
      hub: this.hub,
      jobs: () => this.jobs.list(),
      engine: () => this.#link.problem === undefined,
      parts,
    });
  }

  /** Settles once the engine was asked, and what a dead serve left is taken over; the engine may be away. */
  async start(): Promise<void> {
    await this.#link.start();
  }

  /** Why no gateway can be opened now; undefined where one can. */
  notReady(): string | undefined {
    return this.#ending ? 'this serve is ending' : this.#link.problem;
  }

  /** Calls when all has ended. @returns what takes it back. */
  onEnd(listener: () => void): () => void {
    this.#atEnd.add(listener);
    return () => this.#atEnd.delete(listener);
  }

  /** @throws EngineError while it is away. */
  get engine(): Engine {
    return this.#link.engine;
  }

  /** Calls whenever the engine can be used (again). */
  onReady(listener: () => void): void {
    this.#atReady.add(listener);
    if (!this.#link.problem) listener();
  }

  /** Calls with the id of each container that was removed. */
  onContainerGone(listener: (container: string) => void): void {
    this.#atGone.add(listener);
  }

  /** Looks now at what is connected to a gateway. */
  look(served: ServedGateway): Promise<void> {
    return this.#watch.look(served);
  }

  /** Asks the node's admission about a job that a Bacalhau node will run. */
  async decide(job: Job): Promise<Verdict> {
    const verdict = await this.#admission.decide(job, { runBy: 'bacalhau' });
    if (verdict.shouldBid) this.names.add(job);
    this.#decided(job, verdict);
    return verdict;
  }

  /** Asks the node's admission. @throws AdmissionRefused with the reason. */
  async admit(job: Job & { readonly id: string }, options?: RunOptions): Promise<AdmittedJob> {
    try {
      const admitted = await admit(job, this.#admission, options);
      this.#decided(job, { shouldBid: true, reason: '' });
      return admitted;
    } catch (error) {
      if (error instanceof AdmissionRefused) this.#decided(job, { shouldBid: false, reason: error.message });
      throw error;
    }
  }

  /** What an end has to wait for, for a person. */
  underWay(ms: number): string {
    const jobs = this.jobs.list().filter((one) => !one.hasEnded).length;
    const connections = this.gateways.list().reduce((sum, one) => sum + one.gateway.figures().connections, 0);
    const counted = [
      ...(jobs > 0 ? [`${jobs} ${jobs === 1 ? 'job' : 'jobs'}`] : []),
      ...(connections > 0 ? [`${connections} ${connections === 1 ? 'connection' : 'connections'}`] : []),
    ];
    if (counted.length === 0) return 'nothing is under way';
    return `waiting at most ${ms / 1000} s for ${counted.join(' and ')}`;
  }

  /** Takes no more; lets what is under way finish for a while; leaves the gateways to the next serve. */
  async stop(ms: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.gateways.stopTaking();
    this.jobs.stopTaking();
    this.#watch.close();
    this.policies.close();
    await this.#recovery.stop();
    await Promise.all([this.jobs.close(ms), this.gateways.leave(ms)]);
    await this.accounts.close();
    for (const end of [...this.#atEnd]) end();
    await this.#link.close();
    await this.#recovery.close();
    await this.#admission.close();
    this.metrics.close();
    await Promise.all(this.#owners.map((owner) => owner.close()));
  }

  /** Empty where the engine is away. */
  async #engineId(): Promise<string> {
    try {
      const { ID } = await this.#link.engine.docker.info();
      return typeof ID === 'string' ? ID : '';
    } catch {
      return '';
    }
  }

  /** What is stored of networks that are gone. */
  async #tidy({ docker }: Engine): Promise<void> {
    const engine = {
      id: () => this.#engineId(),
      networks: async () => (await docker.listNetworks()).map(({ Id }) => Id),
    };
    for (const store of this.#stores) {
      await store
        .tidy(engine)
        .catch((error) => this.#logger.debug({ err: error }, 'what is stored cannot be tidied up now'));
    }
  }

  #decided(job: Job, { shouldBid, reason }: Verdict): void {
    const about = {
      ...(job.id !== undefined && { job: job.id }),
      ...(job.executionId !== undefined && { execution: job.executionId }),
      shouldBid,
      reason,
    };
    this.#logger.info({ event: 'admission', ...about }, shouldBid ? 'admission: yes' : 'admission: no');
    this.hub.publish({ type: 'admission', time: Date.now(), ...about });
  }
}

function engineSockets(): string[] {
  const usual = ['/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock'];
  try {
    const { url } = findEngine();
    if (!url.startsWith('unix://')) return usual;
    const path = url.slice('unix://'.length);
    return [...new Set([...usual, path, realpathSync(path)])];
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    return usual; // it is away
  }
}
