import type Dockerode from 'dockerode';
import type { Engine } from '../../docker/engine/engine.js';
import { EngineError, engineMessage, GatewayError } from '../../docker/engine/errors.js';
import { removeContainer } from '../../docker/engine/remove-container.js';
import { gatewayId, removeNetwork } from '../../docker/gateway/network.js';
import type { OwnedNetwork } from '../../docker/gateway/owned-network.js';
import { Owner, ownerOfContainerName } from '../../docker/gateway/owner.js';
import { sweep } from '../../docker/gateway/sweep.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { JobPolicy } from '../../proxy/policy/policy.js';
import { type Clock, systemClock } from '../../proxy/util/clock.js';
import type { EventHub } from './event-hub.js';
import type { Gateways } from './gateways.js';
import { type LivePolicy, withoutEnded } from './policy/live-policy.js';
import type { PolicyStore } from './policy/policy-store.js';
import type { ServedGateway } from './served-gateway.js';

interface RecoveryOptions {
  /** @throws EngineError while it is away. */
  readonly engine: () => Engine;
  readonly gateways: Gateways;
  /** Policies that are others than the labels of their networks say. */
  readonly policies: Pick<PolicyStore, 'read'>;
  /** Forgets what is stored of a network that is gone. */
  readonly forgetStored: (network: string) => Promise<void>;
  /** A gateway is open again with such a one. */
  readonly onReopened: (served: ServedGateway, stored: LivePolicy) => void;
  readonly hub: EventHub;
  readonly logger: Logger;
  /** A network without any container is kept for so long after it was made: its container may be on its way. */
  readonly unusedAfterMs: number;
  readonly clock?: Clock;
}

/** A network that was taken over, whose gateway is not open again, or which is not removed yet. */
interface Left {
  readonly network: OwnedNetwork;
  readonly owner: Owner;
  /** Until the next attempt, ms. */
  wait: number;
  timer: unknown;
  running: Promise<void> | undefined;
  /** Why the last attempt failed. */
  problem: string | undefined;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * Takes over what dead serves left: the gateways of jobs that still run are opened again at their addresses, and
 * networks that have no job any more are removed. What does not work at once is tried again until it does.
 */
export class Recovery implements AsyncDisposable {
  readonly #options: RecoveryOptions;
  readonly #clock: Clock;
  readonly #owners: Owner[] = [];
  /** By the id of the network. */
  readonly #left = new Map<string, Left>();
  #stopped = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Looks for what dead serves left, and tries once what of it is not done. What dead runs left is removed as well.
   *
   * @throws EngineError where the engine does not say what it has.
   */
  async start(engine: Engine): Promise<void> {
    if (this.#stopped) return;
    const networks: OwnedNetwork[] = [];
    const { logger } = this.#options;
    await sweep(engine.docker, { logger, onServeNetwork: (network) => void networks.push(network) });
    const owners = await takeOver(networks);
    this.#owners.push(...owners.values());
    for (const network of networks) {
      const owner = owners.get(network.record.owner.id);
      if (!owner) continue; // another serve was faster
      const fresh = { wait: FIRST_WAIT_MS, timer: undefined, running: undefined, problem: undefined };
      this.#left.set(network.id, { network, owner, ...fresh });
    }
    await Promise.all([...this.#left.values()].map((left) => this.#attempt(left, engine)));
  }

  /**
   * Tries now what is left of this execution, else job.
   *
   * @throws GatewayError where it still does not work: another gateway would be no help to a container that is on
   *   the network of this one.
   */
  async retry(policy: Pick<JobPolicy, 'job' | 'execution'>): Promise<void> {
    for (const left of [...this.#left.values()]) {
      const { job, execution } = left.network.record;
      if (execution !== policy.execution || (execution === undefined && job !== policy.job)) continue;
      await this.#attempt(left, this.#options.engine());
      if (left.problem !== undefined) {
        throw new GatewayError(`its gateway cannot be opened again yet: ${left.problem}`);
      }
    }
  }

  /** Tries no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { timer } of this.#left.values()) this.#clock.clearTimeout(timer);
    await Promise.all([...this.#left.values()].map(({ running }) => running));
  }

  /** Gives up what was taken over: from now on it is the next serve's. */
  async close(): Promise<void> {
    await this.stop();
    await Promise.all(this.#owners.map((owner) => owner.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Never throws: what fails is tried again later. */
  #attempt(left: Left, engine: Engine): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#clock.clearTimeout(left.timer);
    left.running ??= this.#settle(left, engine)
      .then(
        () => {
          left.problem = undefined;
          this.#left.delete(left.network.id);
        },
        (error: unknown) => this.#failed(left, error),
      )
      .finally(() => {
        left.running = undefined;
      });
    return left.running;
  }

  async #settle({ network, owner }: Left, engine: Engine): Promise<void> {
    const { gateways, logger, unusedAfterMs } = this.#options;
    const containers = await listContainers(engine.docker);
    // Of the serve that died: they serve nobody any more.
    await removeProxies(engine.docker, network, containers);
    if (hasJob(network, containers, unusedAfterMs) && !gateways.isTaken(network.record)) {
      await this.#reopen(network, engine, owner);
    } else {
      await this.#remove(network, engine);
      logger.info(aboutOf(network), 'removed a network that has no job any more');
    }
  }

  async #reopen(network: OwnedNetwork, engine: Engine, owner: Owner): Promise<void> {
    const { gateways, logger, policies, onReopened } = this.#options;
    const stored = await policies.read(network.id);
    const now = Date.now();
    if (stored?.expires !== undefined && stored.expires <= now) {
      await this.#remove(network, engine);
      logger.info(aboutOf(network), 'removed a network whose gateway was to be closed by now');
      return;
    }
    const served = await gateways.reopen(network, {
      engine,
      owner,
      live: stored && withoutEnded(stored, now),
    });
    if (stored) onReopened(served, stored);
  }

  async #remove(network: OwnedNetwork, engine: Engine): Promise<void> {
    await removeNetwork(engine.docker, network);
    await this.#options.forgetStored(network.id);
  }

  #failed(left: Left, error: unknown): void {
    const { hub, logger } = this.#options;
    const problem = engineMessage(error);
    const about = { ...aboutOf(left.network), retryMs: left.wait };
    // Once for each reason: it may take hours until somebody mends it.
    if (problem === left.problem) logger.debug({ ...about, problem }, 'still not');
    else {
      logger.error({ ...about, err: error }, 'a gateway cannot be opened again yet: its job reaches nothing');
      const { network: _name, ...ids } = aboutOf(left.network);
      const gateway = gatewayId(left.network);
      hub.publish({ type: 'gateway', time: Date.now(), ...ids, gateway, change: 'failed', reason: problem });
    }
    left.problem = problem;
    this.#later(left);
  }

  #later(left: Left): void {
    if (this.#stopped) return;
    left.timer = this.#clock.setTimeout(() => this.#again(left), left.wait);
    left.wait = Math.min(LONGEST_WAIT_MS, left.wait * 2);
  }

  #again(left: Left): void {
    if (this.#stopped) return;
    let engine: Engine;
    try {
      engine = this.#options.engine();
    } catch {
      // It is away, or only not ready yet: while others are opened again, for longer than the first wait.
      this.#later(left);
      return;
    }
    void this.#attempt(left, engine);
  }
}

function aboutOf({ name, record: { job, execution } }: OwnedNetwork) {
  return { job, ...(execution !== undefined && { execution }), network: name };
}

// All that an owner made is taken over at once: from then on it is alive, for others and for us.
async function takeOver(networks: readonly OwnedNetwork[]): Promise<Map<string, Owner>> {
  const owners = new Map<string, Owner>();
  for (const { record } of networks) {
    if (owners.has(record.owner.id)) continue;
    const owner = await Owner.takeOver(record.owner, 'serve');
    if (owner) owners.set(record.owner.id, owner);
  }
  return owners;
}

async function listContainers(docker: Dockerode): Promise<Dockerode.ContainerInfo[]> {
  return docker.listContainers({ all: true }).catch((error) => {
    throw new EngineError(`the engine does not list its containers: ${engineMessage(error)}`, {
      cause: error,
    });
  });
}

function hasJob(
  { id, name, record }: OwnedNetwork,
  containers: readonly Dockerode.ContainerInfo[],
  unusedAfterMs: number,
): boolean {
  // The gate's are its clients' until these remove them.
  if (record.shared) return true;
  const of = containers.filter((container) => !isOurs(container) && isOn(container, { id, name }));
  if (of.some(({ State }) => record.gate !== undefined || (State !== 'exited' && State !== 'dead')))
    return true;
  return of.length === 0 && Date.now() - record.created.getTime() < unusedAfterMs;
}

// The proxy's own container, where the gateway has one. Its name is none that an image could choose.
const isOurs = ({ Names }: Dockerode.ContainerInfo): boolean =>
  (Names ?? []).some((name) => ownerOfContainerName(name) !== undefined);

function isOn(
  { HostConfig, NetworkSettings }: Dockerode.ContainerInfo,
  { id, name }: Pick<OwnedNetwork, 'id' | 'name'>,
): boolean {
  const mode = HostConfig?.NetworkMode;
  return mode === name || mode === id || NetworkSettings?.Networks?.[name] !== undefined;
}

async function removeProxies(
  docker: Dockerode,
  network: OwnedNetwork,
  containers: readonly Dockerode.ContainerInfo[],
): Promise<void> {
  const proxies = containers.filter((container) => isOurs(container) && isOn(container, network));
  await Promise.all(proxies.map(({ Id }) => removeContainer(docker.getContainer(Id)).catch(() => {})));
}
