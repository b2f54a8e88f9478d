import type { Job } from '../../admission/job.js';
import { isolatedOptions } from '../../docker/engine/container.js';
import { clientEnv } from '../../docker/gateway/client-env.js';
import type { Gateway } from '../../docker/gateway/gateway.js';
import { isOurName } from '../../docker/gateway/network.js';
import { Ledger } from '../../proxy/budget/ledger.js';
import { formatBudget } from '../../proxy/policy/budget.js';
import { jobName } from '../../proxy/policy/job-name.js';
import type { JobPolicy } from '../../proxy/policy/policy.js';
import type { HostFigures } from '../../proxy/report/figures.js';
import type { OpenedBy } from '../account/account.js';
import type { LearnedDomains } from '../job/learned-domains.js';
import { dockerOptions } from './docker-options.js';
import { History } from './overview/history.js';
import { Registrables } from './overview/registrable.js';
import { jobPolicyOf, type LivePolicy, openingPolicy, revisionOf } from './policy/live-policy.js';
import { Throughput } from './throughput.js';

/** A container on a gateway's network. */
export interface AttachedContainer {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  /** False: it breaks the contract, and may get round its gateway. */
  readonly enforced: boolean;
  /** What breaks it. */
  readonly breaches: readonly string[];
}

/** `failed`: the lock-down or the network is lost; its proxy is closed and its containers are cut off. */
type GatewayState = 'open' | 'draining' | 'failed' | 'closed';

/** A gateway as the API has it: what was asked for, what came of it, and what is connected to it. */
export class ServedGateway {
  state: GatewayState = 'open';
  /** Why it is `failed`, or was closed. */
  reason: string | undefined;
  /** Since when the node whose job it is has not followed it. */
  abandonedSince: Date | undefined;
  endedAt: Date | undefined;
  readonly containers = new Map<string, AttachedContainer>();
  /** Since when it has had no container, ms of `performance.now()`. */
  unusedSince: number | undefined = performance.now();

  readonly created: Date;
  /** Opened again after its serve had gone. */
  readonly reopened: boolean;
  /** Of a job that this serve runs, and closed with it. */
  readonly ofJob: boolean;
  /** The gate that it was opened for, which closes it. */
  readonly gate: string | undefined;
  /** Several containers may be on its network. */
  readonly shared: boolean;
  /** What the job may reach now. */
  live: LivePolicy;
  /** The same for a proxy. */
  policy: JobPolicy;
  /** What a restart of serve would bring back. */
  kept: LivePolicy;
  /** As admission was asked about it; undefined where that is not known any more. */
  job: Job | undefined;
  /** What it has taken of its budget. */
  readonly ledger: Ledger;
  /** For its account. */
  readonly openedBy: OpenedBy;
  /** Bytes of a host, as far as they are known. */
  bytesOf: (host: string, port: number) => { readonly up: number; readonly down: number } | undefined = () =>
    undefined;
  readonly history: History;
  /** The first container of a client of the gate that gave no name. */
  #containerName: string | undefined;
  readonly #learned: LearnedDomains | undefined;
  readonly #runtimes: boolean;
  readonly #domains = new Registrables();
  readonly #now = { up: new Throughput(), down: new Throughput() };

  constructor(
    readonly gateway: Gateway,
    policy: JobPolicy,
    more: {
      readonly created: Date;
      readonly reopened?: boolean;
      readonly ofJob?: boolean;
      readonly wish?: { readonly gate?: string; readonly shared?: boolean } | undefined;
      readonly learned?: LearnedDomains | undefined;
      /** Default: as `policy` says. */
      readonly live?: LivePolicy | undefined;
      readonly job?: Job | undefined;
      readonly ledger?: Ledger;
      readonly openedBy?: OpenedBy | undefined;
      /** Default true: a caller may leave out what has names answered, and give its job the variables alone. */
      readonly runtimeVariables?: boolean | undefined;
    },
  ) {
    this.policy = policy;
    this.history = new History(performance.now(), gateway.figures());
    this.live = more.live ?? openingPolicy(policy);
    this.kept = this.live;
    this.job = more.job;
    this.created = more.created;
    this.reopened = more.reopened ?? false;
    this.ofJob = more.ofJob ?? false;
    this.gate = more.wish?.gate;
    this.shared = more.wish?.shared ?? false;
    this.ledger = more.ledger ?? new Ledger();
    const by = this.reopened ? 'reopened' : this.gate !== undefined ? 'gate' : this.ofJob ? 'job' : 'api';
    this.openedBy = more.openedBy ?? { by };
    this.#learned = more.learned;
    this.#runtimes = more.runtimeVariables ?? true;
  }

  get id(): string {
    return this.gateway.id;
  }

  /** A client of the gate asked for its network, and removes it; else it goes with its container. */
  get isNamed(): boolean {
    return !isOurName(this.gateway.network.name);
  }

  get ids(): { readonly job: string; readonly execution?: string } {
    const { job, execution } = this.policy;
    return { job, ...(execution !== undefined && { execution }) };
  }

  /** What a person calls it. */
  get name(): string {
    return this.policy.name ?? this.#containerName ?? this.policy.job;
  }

  /** bit/s, in the last seconds. */
  get rate(): { readonly up: number; readonly down: number } {
    return { up: this.#now.up.rate, down: this.#now.down.rate };
  }

  /** Names the policy as it is now. */
  get revision(): string {
    return revisionOf(this.live);
  }

  /** The gateway keeps another policy. */
  become(live: LivePolicy): void {
    this.live = live;
    this.policy = jobPolicyOf(this.policy, live);
    this.#learned?.declare(this.policy.allow);
  }

  /** Notes who is connected, and narrows the proxy's clients to the container that keeps the contract. */
  setContainers(containers: readonly AttachedContainer[]): void {
    this.containers.clear();
    for (const container of containers) this.containers.set(container.id, container);
    if (this.gate !== undefined && !this.isNamed) this.#containerName ??= jobName(containers[0]?.name);
    if (containers.length > 0) this.unusedSince = undefined;
    else this.unusedSince ??= performance.now();
    if (this.state !== 'open' || this.shared) return;
    const clients = containers.filter(({ address }) => address !== '');
    const client = clients.find(({ enforced }) => enforced) ?? clients[0];
    this.gateway.setContainer(client?.address);
  }

  /** Looks how many bytes there are by now. @param time ms of `performance.now()`. */
  sample(time: number): void {
    const { up, down } = this.gateway.figures();
    this.#now.up.add(time, up);
    this.#now.down.add(time, down);
    this.history.add(time, () => this.gateway.figures());
  }

  view() {
    const { gateway, policy } = this;
    const { network, proxy } = gateway;
    const figures = gateway.figures();
    const create = createOptions(this);
    const { env } = clientEnv(proxy.url, {}, { runtimes: this.#runtimes });
    const { job, execution } = policy;
    const { allow, deny, rate, expires } = this.live;
    const { spent } = this.ledger;
    return {
      id: this.id,
      jobId: job,
      ...(execution !== undefined && { executionId: execution }),
      name: this.name,
      state: this.state,
      ...(this.reason !== undefined && { reason: this.reason }),
      created: this.created.toISOString(),
      ...(this.endedAt && { ended: this.endedAt.toISOString() }),
      reopened: this.reopened,
      ...(this.abandonedSince && { abandonedSince: this.abandonedSince.toISOString() }),
      ofJob: this.ofJob,
      revision: this.revision,
      domains: allow.map(({ domain }) => domain),
      denied: [...deny],
      ...(expires !== undefined && { expires: timeOf(expires) }),
      expiries: allow.flatMap((one) =>
        one.expires === undefined ? [] : [{ domain: one.domain, expires: timeOf(one.expires) }],
      ),
      ...(this.#learned && { learned: this.#learned.list() }),
      rate,
      budget: formatBudget(this.ledger.budget),
      spent: { ...spent, hosts: [...spent.hosts] },
      network: { name: network.name, id: network.id, subnet: network.subnet },
      proxy: { url: proxy.url },
      env,
      dns: create.HostConfig.Dns ?? [],
      create,
      docker: dockerOptions(create, env),
      containers: [...this.containers.values()],
      figures: { ...figures, now: this.rate, hosts: figures.hosts.map((line) => this.#hostView(line)) },
    };
  }

  #hostView(line: HostFigures) {
    return { ...line, registrable: this.#domains.of(line.host), ...this.bytesOf(line.host, line.port) };
  }
}

const timeOf = (ms: number) => new Date(ms).toISOString();

/**
 * The options of a container on the gateway's network. Where the proxy has a container of its own, the engine may not
 * see the files of this host; where containers share the network, they find each other by the engine's resolver.
 */
export function createOptions({
  gateway,
  shared,
}: Pick<ServedGateway, 'gateway' | 'shared'>): ReturnType<typeof isolatedOptions> {
  const { network, proxy, names } = gateway;
  const create = isolatedOptions(network.name, names && shared ? { ...names, file: undefined } : names);
  if (!shared && (names || proxy.host === network.gateway)) return create;
  const { Mounts, ...HostConfig } = create.HostConfig;
  return { HostConfig };
}

export type GatewayView = ReturnType<ServedGateway['view']>;
