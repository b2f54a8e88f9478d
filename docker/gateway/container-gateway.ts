import type Dockerode from 'dockerode';
import { machineAddresses } from '../../proxy/decide/machine-addresses.js';
import { parsePolicy } from '../../proxy/policy/parse-policy.js';
import type { Figures } from '../../proxy/report/figures.js';
import { logEvent } from '../../proxy/report/log.js';
import { EngineError, engineMessage, GatewayError } from '../engine/errors.js';
import { removeContainer } from '../engine/remove-container.js';
import { closeHostEnd } from '../host/bridge.js';
import { hasInterface } from '../host/host-net.js';
import { DEFAULT_GATEWAY_PORT } from '../host/lockdown-rules.js';
import { defaultGatewayImage } from '../image/gateway-image.js';
import {
  assertImage,
  assertOutside,
  assertRecent,
  assertServersReachable,
  wallOf,
} from './container-needs.js';
import { engineHostAddresses } from './engine-host-addresses.js';
import type { Gateway, OpenGateway, OpenGatewayOptions } from './gateway.js';
import { LINK_VERSION, type LinkReport, type LinkStart } from './gateway-link.js';
import { createIsolatedNetwork, disconnectAll, type IsolatedNetwork, removeNetwork } from './network.js';
import { OpeningTurns } from './opening-turns.js';
import { containerName, ownerOfContainerName } from './owner.js';
import { createProxyContainer, type ProxyContainer } from './proxy-container.js';
import { addressAfter, clientRanges, contains, SubnetPool, type SubnetPoolOptions } from './subnet-pool.js';

export interface ContainerGatewayOptions {
  /** Port of the gateways. Default 13128. */
  readonly port?: number;
  readonly subnetPool?: SubnetPoolOptions;
  /** Image of jobgate; it must be on the engine, and is never pulled. Default `jobgate:VERSION`. */
  readonly image?: string;
  /** Network of the engine by which gateways reach the outside. Default `bridge`. */
  readonly outside?: string;
}

/**
 * Gateways whose proxy runs in a container of its own, between the job's network and an outside one. The wall between
 * job and host is that the host has no address on the job's network. Needs nothing but the engine's API.
 */
export function containerGateways(options: ContainerGatewayOptions = {}): OpenGateway {
  const shared = new Shared(options);
  return (open) => openContainerGateway(open, shared);
}

/** What the gateways of one process share: what was found out about the engine. */
class Shared {
  readonly pool: SubnetPool;
  readonly port: number;
  readonly image: string;
  readonly outside: string;
  readonly turns = new OpeningTurns();
  #checked: Promise<unknown> | undefined;
  #engineHost: Promise<string[]> | undefined;

  constructor(options: ContainerGatewayOptions) {
    this.pool = new SubnetPool(options.subnetPool);
    this.port = options.port ?? DEFAULT_GATEWAY_PORT;
    this.image = options.image ?? defaultGatewayImage();
    this.outside = options.outside ?? 'bridge';
  }

  /** @throws GatewayError for an engine that lacks something. */
  async check({ engine }: OpenGatewayOptions): Promise<void> {
    assertRecent(engine);
    this.#checked ??= Promise.all([
      assertImage(engine.docker, this.image),
      assertOutside(engine.docker, this.outside),
    ]);
    await this.#checked.catch((error) => {
      this.#checked = undefined; // it may be mended meanwhile
      throw error;
    });
  }

  /** Machine addresses of the engine's host, and of this one, which may be the same behind a rootless engine. */
  async nodeAddresses({ engine, owner }: OpenGatewayOptions, bridge: string): Promise<string[]> {
    const here = machineAddresses();
    // The engine's bridge is here: so is its host.
    if (hasInterface(bridge)) return here;
    this.#engineHost ??= engineHostAddresses({ docker: engine.docker, owner, image: this.image });
    const there = await this.#engineHost.catch((error) => {
      this.#engineHost = undefined;
      throw error;
    });
    return [...new Set([...here, ...there])];
  }
}

/**
 * Opens a gateway in a container: network, container, proxy. On any failure nothing is left behind.
 *
 * @throws GatewayError, or what the policy's parser throws.
 */
async function openContainerGateway(options: OpenGatewayOptions, shared: Shared): Promise<Gateway> {
  const { policy } = options;
  // Policy errors are the caller's: found before anything is made.
  parsePolicy(policy);
  assertServersReachable(policy.operator);
  await shared.check(options);
  // From here on: whoever sees the network waits only so long for its gateway (sweep.ts).
  return shared.turns.run((waitedMs) => makeContainerGateway(options, shared, waitedMs));
}

async function makeContainerGateway(
  options: OpenGatewayOptions,
  shared: Shared,
  waitedMs: number,
): Promise<Gateway> {
  const { engine, owner, policy, existing, logger } = options;
  const { docker } = engine;
  const port = existing?.record.port ?? shared.port;

  let network: IsolatedNetwork | undefined;
  let container: ProxyContainer | undefined;
  try {
    network = existing
      ? { ...existing, cidr: existing.subnet }
      : await createIsolatedNetwork(
          docker,
          shared.pool,
          { owner: owner.ref, kind: owner.kind, ...policy.job, port, created: new Date() },
          wallOf(engine.apiVersion),
        );
    const { bridge, cidr, gateway: hostEnd } = network;
    const address = addressAfter(hostEnd);
    if (existing) await removePredecessor(docker, existing.id, address);
    closeWhereHere(bridge, logger);
    const start = shared.nodeAddresses(options, bridge).then(
      (addresses): LinkStart => ({
        v: LINK_VERSION,
        policy: withNodeAddresses(policy, addresses),
        listen: { host: address, port },
        clients: clientRanges({ cidr, gateway: address }),
        hostEnd,
      }),
    );
    start.catch(() => {}); // awaited once the container is there
    const link = new Link(options);
    container = await createProxyContainer(docker, {
      name: containerName(owner),
      image: shared.image,
      network: network.name,
      address,
      outside: shared.outside,
      onReport: (report) => link.take(report),
    });
    await container.start(start, waitedMs);
    return new ContainerGateway(options, network, container, link, { host: address, port });
  } catch (error) {
    await container?.remove().catch(() => {});
    if (network && !existing) await removeNetwork(docker, network).catch(() => {});
    throw error;
  }
}

const withNodeAddresses = (policy: LinkStart['policy'], addresses: readonly string[]) => ({
  ...policy,
  operator: {
    ...policy.operator,
    nodeAddresses: [...new Set([...policy.operator.nodeAddresses, ...addresses])],
  },
});

/** Where the engine is here, the host's end of the bridge is closed as well. */
function closeWhereHere(bridge: string, logger: OpenGatewayOptions['logger']): void {
  const problem = hasInterface(bridge) ? closeHostEnd(bridge) : undefined;
  if (problem)
    logger?.debug({ bridge, error: problem.message }, "no second line at the host's end of the bridge");
}

/** The gateway of a `serve` that died has ended with it, or is about to. */
async function removePredecessor(docker: Dockerode, network: string, address: string): Promise<void> {
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

/** What comes up from the gateway. */
class Link {
  readonly #options: OpenGatewayOptions;
  figures: Figures = {
    ...{ up: 0, down: 0, connections: 0, tunnels: 0, requests: 0, allowed: 0, denied: 0 },
    throttledMs: { up: 0, down: 0 },
    hosts: [],
  };

  constructor(options: OpenGatewayOptions) {
    this.#options = options;
  }

  take(report: LinkReport): void {
    const { logger, onEvent } = this.#options;
    switch (report.is) {
      case 'event':
        if (logger) logEvent(logger, report.event);
        try {
          onEvent?.(report.event);
        } catch (error) {
          logger?.error({ error: String(error) }, 'a listener of proxy events failed');
        }
        break;
      case 'figures':
        this.figures = { hosts: this.figures.hosts, ...report.figures };
        break;
      case 'log':
        logger?.[report.level]?.(report.fields, report.message);
        break;
      case 'dropped':
        logger?.warn(
          { count: report.count },
          'events of a gateway were not told: this process read too slowly',
        );
        break;
    }
  }
}

class ContainerGateway implements Gateway {
  readonly id: string;
  readonly network: Gateway['network'];
  readonly proxy: Gateway['proxy'];
  readonly failed: Promise<Error>;
  readonly #network: IsolatedNetwork;
  readonly #container: ProxyContainer;
  readonly #link: Link;
  readonly #docker: Dockerode;
  #closing: Promise<void> | undefined;

  constructor(
    { engine }: OpenGatewayOptions,
    network: IsolatedNetwork,
    container: ProxyContainer,
    link: Link,
    { host, port }: { host: string; port: number },
  ) {
    this.id = network.name.replace(/^jobgate-/, '');
    const { id, name, cidr: subnet, gateway } = network;
    this.network = { id, name, subnet, gateway };
    this.proxy = { host, port, url: `http://${host}:${port}` };
    this.#network = network;
    this.#container = container;
    this.#link = link;
    this.#docker = engine.docker;
    this.failed = new Promise((resolve) => {
      void container.ended.then(async (error) => {
        if (this.#closing) return;
        await disconnectAll(this.#docker, network);
        resolve(error);
      });
    });
  }

  setContainer(address: string | undefined): void {
    const { cidr, gateway } = this.#network;
    if (address === undefined) {
      this.#container.send({ do: 'clients', cidrs: clientRanges({ cidr, gateway: this.proxy.host }) });
      return;
    }
    if (!contains(cidr, address) || address === gateway || address === this.proxy.host) {
      throw new GatewayError(`${address} is not an address of a container on ${cidr}`);
    }
    this.#container.send({ do: 'clients', cidrs: [`${address}/32`] });
  }

  figures(): Figures {
    return this.#link.figures;
  }

  async drain(ms: number): Promise<void> {
    this.#closing ??= this.#container.end({ do: 'drain', ms }, ms).then(() => this.#remove());
    await this.#closing;
  }

  async leave(ms: number): Promise<void> {
    this.#closing ??= this.#container.end({ do: 'drain', ms }, ms).then(() => this.#container.remove());
    await this.#closing;
  }

  close(): Promise<void> {
    this.#closing ??= this.#container.end({ do: 'close' }).then(() => this.#remove());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #remove(): Promise<void> {
    try {
      await this.#container.remove();
    } finally {
      await removeNetwork(this.#docker, this.#network);
    }
  }
}
