import { machineAddresses } from '../../proxy/decide/machine-addresses.js';
import { parsePolicy } from '../../proxy/policy/parse-policy.js';
import { hasInterface } from '../host/host-net.js';
import { DEFAULT_GATEWAY_PORT } from '../host/lockdown-rules.js';
import { defaultGatewayImage } from '../image/gateway-image.js';
import { ContainerGateway, removePredecessor } from './container-gateway.js';
import {
  assertImage,
  assertOutside,
  assertRecent,
  assertServersReachable,
  wallOf,
} from './container-needs.js';
import { exactNames } from './direct-ports.js';
import { engineHostAddresses } from './engine-host-addresses.js';
import type { Gateway, OpenGateway, OpenGatewayOptions } from './gateway.js';
import { HostEnds } from './host-ends.js';
import { createIsolatedNetwork, type IsolatedNetwork, removeNetwork } from './network.js';
import { OpeningTurns } from './opening-turns.js';
import { ResolverFiles } from './resolver-files.js';
import { addressAfter, SubnetPool, type SubnetPoolOptions } from './subnet-pool.js';

export interface ContainerGatewayOptions {
  /** Port of the gateways. Default 13128. */
  readonly port?: number;
  readonly subnetPool?: SubnetPoolOptions;
  /** Serve programs that know of no proxy: names, and connections to the gateway as if it were the host. Default true. */
  readonly anyProgram?: boolean;
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
  readonly sharedPool: SubnetPool;
  readonly port: number;
  readonly image: string;
  readonly outside: string;
  readonly anyProgram: boolean;
  readonly files = new ResolverFiles();
  readonly turns = new OpeningTurns();
  readonly hostEnds = new HostEnds();
  #checked: Promise<unknown> | undefined;
  #engineHost: Promise<string[]> | undefined;

  constructor(options: ContainerGatewayOptions) {
    this.pool = new SubnetPool(options.subnetPool);
    this.sharedPool = SubnetPool.shared(options.subnetPool);
    this.port = options.port ?? DEFAULT_GATEWAY_PORT;
    this.image = options.image ?? defaultGatewayImage();
    this.outside = options.outside ?? 'bridge';
    this.anyProgram = options.anyProgram ?? true;
  }

  /** @throws GatewayError for an engine that lacks something. */
  async check({ engine }: OpenGatewayOptions): Promise<void> {
    assertRecent(engine);
    if (!this.#checked) this.files.tidy();
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
  const { engine, owner, policy, existing, network: wish, logger } = options;
  const { docker } = engine;
  const port = existing?.record.port ?? shared.port;

  let network: IsolatedNetwork | undefined;
  let gateway: ContainerGateway | undefined;
  try {
    network = existing
      ? { ...existing, cidr: existing.subnet }
      : await createIsolatedNetwork(
          docker,
          wish?.shared ? shared.sharedPool : shared.pool,
          { owner: owner.ref, kind: owner.kind, ...policy.job, port, created: new Date() },
          { wall: wallOf(engine), ...(wish && { wish }) },
        );
    const { bridge, gateway: hostEnd } = network;
    if (existing) await removePredecessor(docker, existing.id, addressAfter(hostEnd));
    shared.hostEnds.close(bridge, logger);
    const addresses = shared.nodeAddresses(options, bridge);
    addresses.catch(() => {}); // awaited once the container is there
    const address = addressAfter(hostEnd);
    // Where the engine is here, it sees our files, unless it is asked from within a container.
    const isHere = shared.anyProgram && hasInterface(bridge);
    const file = isHere ? await shared.files.write(docker, bridge, address) : undefined;
    const names = shared.anyProgram ? { address, file, hosts: exactNames(policy) } : undefined;
    gateway = new ContainerGateway(options, network, shared, { port, names });
    await gateway.open(addresses, waitedMs);
    return gateway;
  } catch (error) {
    await gateway?.abandon().catch(() => {});
    if (network) shared.files.remove(network.bridge);
    if (network && !existing) await removeNetwork(docker, network).catch(() => {});
    throw error;
  }
}
