import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { DirectPorts } from '../../proxy/listeners.js';
import type { EgressPolicy, PolicyChange, PolicyChanged } from '../../proxy/policy/policy.js';
import { type Figures, NO_FIGURES } from '../../proxy/report/figures.js';
import { type Place, RemoteProxy } from '../../proxy/worker/remote-proxy.js';
import { EngineError, engineMessage, GatewayError } from '../engine/errors.js';
import { removeContainer } from '../engine/remove-container.js';
import { directPorts, entryPorts, exactNames } from './direct-ports.js';
import type { Gateway, OpenGatewayOptions } from './gateway.js';
import type { HostEnds } from './host-ends.js';
import { disconnectAll, gatewayId, type IsolatedNetwork, removeNetwork } from './network.js';
import { containerName, ownerOfContainerName } from './owner.js';
import { createProxyContainer, type ProxyContainer } from './proxy-container.js';
import type { ResolverFiles } from './resolver-files.js';
import { addressAfter, clientRanges, contains } from './subnet-pool.js';

const withNodeAddresses = (policy: EgressPolicy, addresses: readonly string[]): EgressPolicy => ({
  ...policy,
  operator: {
    ...policy.operator,
    nodeAddresses: [...new Set([...policy.operator.nodeAddresses, ...addresses])],
  },
});

/** The gateway of a `serve` that died has ended with it, or is about to. */
export async function removePredecessor(docker: Dockerode, network: string, address: string): Promise<void> {
  const info = await docker
    .getNetwork(network)
    .inspect()
    .catch((error) => {
      throw new EngineError(`the job's network: ${engineMessage(error)}`, { cause: error });
    });
  for (const [id, { Name, IPv4Address }] of Object.entries(info.Containers ?? {})) {
    if (!IPv4Address?.startsWith(`${address}/`)) continue;
    if (!ownerOfContainerName(Name)) {
      throw new GatewayError(
        `the gateway's address ${address} on network ${info.Name} is taken by container ${Name}, which is not ours: docker network disconnect ${info.Name} ${Name}`,
      );
    }
    await removeContainer(docker.getContainer(id));
  }
}

/** What a proxy says of itself does not tell where it runs. */
const inContainer = (error: Error) =>
  error instanceof GatewayError
    ? error
    : new GatewayError(`the gateway in its container: ${error.message}`, { cause: error });

/** Ports of entries that a gateway listens on. */
const MAX_ENTRY_PORTS = 64;
/** An engine that is restarted takes its containers with it, and is waited for, ms. */
const ENGINE_BACK_MS = 120_000;

/**
 * Whether the engine may be on its way out or in: it does not answer, or has not yet forgotten what ended with it (an
 * address, a name). What is not there does not come back.
 */
const mayPass = (error: unknown) =>
  error instanceof EngineError ? error.status !== 404 : !(error instanceof GatewayError);

interface ContainerShape extends Pick<Gateway, 'names'> {
  readonly port: number;
}

/** What gateways of one process have in common. */
interface InCommon {
  /** Image of jobgate. */
  readonly image: string;
  /** Network of the engine by which they reach the outside. */
  readonly outside: string;
  readonly files: ResolverFiles;
  readonly hostEnds: HostEnds;
}

/** A gateway whose proxy runs in a container, in whose place another comes where it ends. */
export class ContainerGateway implements Gateway {
  readonly id: string;
  readonly network: Gateway['network'];
  readonly proxy: Gateway['proxy'];
  readonly failed: Promise<Error>;
  readonly #options: OpenGatewayOptions;
  readonly #network: IsolatedNetwork;
  names: Gateway['names'];
  #policy: EgressPolicy;
  readonly #shared: InCommon;
  readonly #docker: Dockerode;
  #fail: (error: Error) => void = () => {};
  #egress: RemoteProxy | undefined;
  #container: ProxyContainer | undefined;
  /** Whether the proxy in the container listens. */
  #up = false;
  /** While a container takes the place of one that ended. */
  #replacing: Promise<void> | undefined;
  /** The proxy and its container. */
  #ended: Promise<void> | undefined;
  /** The network as well. */
  #removed: Promise<void> | undefined;

  constructor(
    options: OpenGatewayOptions,
    network: IsolatedNetwork,
    shared: InCommon,
    { port, names }: ContainerShape,
  ) {
    this.id = gatewayId(network);
    const { id, name, cidr: subnet, gateway } = network;
    this.network = { id, name, subnet, gateway };
    const host = addressAfter(gateway);
    this.proxy = { host, port, url: `http://${host}:${port}` };
    this.names = names;
    this.#policy = options.policy;
    this.#options = options;
    this.#network = network;
    this.#shared = shared;
    this.#docker = options.engine.docker;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** Makes the container and the proxy in it. @throws GatewayError */
  async open(nodeAddresses: Promise<readonly string[]>, waitedMs: number): Promise<void> {
    const container = await this.#create();
    await this.#start(container, waitedMs, async () => {
      this.#egress = new RemoteProxy(withNodeAddresses(this.#options.policy, await nodeAddresses), {
        ...(this.#options.logger && { logger: this.#options.logger }),
        ...(this.#options.onEvent && { onEvent: this.#options.onEvent }),
        ...(this.#options.ledger && { ledger: this.#options.ledger }),
        place: async () => this.#placeIn(container),
        onFailed: (error) => void this.#cutOff(inContainer(error)),
        onStuck: (_egress, why) => this.#container?.kill(why),
      });
      const { host, port } = this.proxy;
      const listen = {
        host,
        port,
        clients: this.#anyClient,
        ...(this.names && { direct: this.#direct(port) }),
      };
      await this.#egress.listen(listen).catch((error: Error) => {
        throw inContainer(error);
      });
    });
    this.#up = true;
  }

  async #start(container: ProxyContainer, waitedMs: number, open: () => Promise<unknown>): Promise<void> {
    await container.start(open, waitedMs);
    // Once more: Podman makes the bridge with its first container.
    this.#shared.hostEnds.close(this.#network.bridge, this.#options.logger);
  }

  /** Takes away what `open` made before it failed. */
  async abandon(): Promise<void> {
    this.#ended = Promise.resolve();
    await this.#container?.remove();
  }

  setContainer(address: string | undefined): void {
    const { cidr, gateway } = this.#network;
    if (address !== undefined && (!contains(cidr, address) || [gateway, this.proxy.host].includes(address))) {
      throw new GatewayError(`${address} is not an address of a container on ${cidr}`);
    }
    this.#egress?.setClients(address === undefined ? this.#anyClient : [`${address}/32`]);
  }

  async change(change: PolicyChange): Promise<PolicyChanged> {
    if (!this.#egress) throw new GatewayError('the gateway is not open');
    const changed = await this.#egress.change(change);
    // An engine that is away may have left the lost container running (live-restore), with the policy that it had.
    await this.#replacing;
    this.#policy = { ...this.#policy, job: { ...this.#policy.job, ...change } };
    if (this.names) this.names = { ...this.names, hosts: exactNames(this.#policy) };
    return changed;
  }

  figures(): Figures {
    return this.#egress?.figures() ?? NO_FIGURES;
  }

  drain(ms: number): Promise<void> {
    this.#ended ??= this.#end(ms);
    return this.#remove();
  }

  async leave(ms: number): Promise<void> {
    this.#ended ??= this.#end(ms);
    await (this.#removed ?? this.#ended);
  }

  close(): Promise<void> {
    if (this.#ended) void this.#egress?.close();
    else this.#ended = this.#end();
    return this.#remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #remove(): Promise<void> {
    this.#removed ??= Promise.resolve(this.#ended).finally(() => {
      this.#shared.files.remove(this.#network.bridge);
      return removeNetwork(this.#docker, this.#network);
    });
    return this.#removed;
  }

  get #anyClient(): string[] {
    return clientRanges({ cidr: this.#network.cidr, gateway: this.proxy.host });
  }

  /** In a container of their own, listeners have the ports themselves. */
  #direct(own: number): DirectPorts {
    const { policy, logger } = this.#options;
    const entries = entryPorts(policy, { most: MAX_ENTRY_PORTS, taken: (port) => port === own, logger });
    return directPorts(
      53,
      { http: 80, https: 443 },
      entries.map((port) => [port, port]),
    );
  }

  #placeIn({ link }: ProxyContainer): Place {
    return { link, hostEnd: this.#network.gateway };
  }

  async #create(): Promise<ProxyContainer> {
    const { owner, logger } = this.#options;
    const container = await createProxyContainer(this.#docker, {
      name: containerName(owner),
      image: this.#shared.image,
      network: this.#network.name,
      address: this.proxy.host,
      outside: this.#shared.outside,
      lowPorts: this.names !== undefined,
      ...(logger && { logger }),
    });
    this.#container = container;
    void container.ended.then((why) => {
      if (this.#up && this.#container === container) this.#replacing = this.#replace(container, why);
    });
    return container;
  }

  /** What it reached is cut; the job finds a gateway again at the same address. */
  async #replace(old: ProxyContainer, why: Error): Promise<void> {
    const egress = this.#egress;
    this.#up = false;
    if (!egress?.lostWorker() || this.#ended) return;
    const { logger, policy } = this.#options;
    if (egress.losses > 2) {
      egress.fail(new GatewayError(`${why.message}, for the third time within ten minutes`));
      return;
    }
    logger?.error(
      { job: policy.job.job, why: why.message },
      "a gateway's container ended: another takes its place",
    );
    const until = performance.now() + ENGINE_BACK_MS;
    for (;;) {
      try {
        await old.remove();
        if (this.#container !== old) await this.#container?.remove();
        await removePredecessor(this.#docker, this.#network.id, this.proxy.host);
        const container = await this.#create();
        await this.#start(container, 0, () => egress.openAgain(this.#placeIn(container)));
        this.#up = true;
        return;
      } catch (error) {
        if (this.#ended || !mayPass(error) || performance.now() > until) {
          const also = `${why.message}, and no other can take its place: ${(error as Error).message}`;
          egress.fail(new GatewayError(also, { cause: error }));
          return;
        }
        await sleep(1_000);
      }
    }
  }

  async #cutOff(error: Error): Promise<void> {
    if (this.#ended) return;
    await disconnectAll(this.#docker, this.#network);
    this.#fail(error);
  }

  /** Ends the proxy at once, or lets its connections have so many ms; and removes the container. */
  async #end(drainMs?: number): Promise<void> {
    const closed =
      (drainMs === undefined ? this.#egress?.close() : this.#egress?.drain(drainMs)) ?? Promise.resolve();
    await this.#replacing;
    await this.#container?.end(closed, drainMs);
  }
}
