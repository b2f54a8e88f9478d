import type { createEgressProxy, EgressProxy } from '../../proxy/egress-proxy.js';
import type { DirectPorts } from '../../proxy/listeners.js';
import type { EgressPolicy, PolicyChange, PolicyChanged } from '../../proxy/policy/policy.js';
import { Workers } from '../../proxy/worker/workers.js';
import { GatewayError, PlacementError, PortTakenError } from '../engine/errors.js';
import { hardenBridge, lowerBridge, raiseBridge } from '../host/bridge.js';
import { hasInterface } from '../host/host-net.js';
import { Lockdown } from '../host/lockdown.js';
import { ownPorts, SLOTS } from '../host/lockdown-rules.js';
import { directPorts, entryPorts, exactNames } from './direct-ports.js';
import type { Gateway, OpenGateway, OpenGatewayOptions } from './gateway.js';
import { Guard } from './guard.js';
import {
  assertLocal,
  createIsolatedNetwork,
  disconnectAll,
  gatewayId,
  type IsolatedNetwork,
  removeNetwork,
} from './network.js';
import type { OwnedNetwork } from './owned-network.js';
import { ResolverFiles } from './resolver-files.js';
import { clientRanges, contains, SubnetPool, type SubnetPoolOptions } from './subnet-pool.js';

export interface HostGatewayOptions {
  /** Port of the gateways, one for the whole host. Default 13128. */
  readonly port?: number;
  readonly subnetPool?: SubnetPoolOptions;
  /** Serve programs that know of no proxy: names, and connections to the gateway as if it were the host. Default true. */
  readonly anyProgram?: boolean;
  /** The process's lock-down; its port is then the gateways'. Default: one of its own, for all that it opens. */
  readonly lockdown?: Lockdown;
  /**
   * Makes the proxies. `createEgressProxy` has them run in this process, with all that it may do. Default: that of
   * `new Workers()`, one process without privileges for all that it opens.
   */
  readonly createProxy?: typeof createEgressProxy;
}

/**
 * Gateways whose proxy runs in this process and listens on the bridge's address. Needs Linux, the engine in this
 * network namespace, and CAP_NET_ADMIN.
 */
export function hostGateways(options: HostGatewayOptions = {}): OpenGateway {
  const pool = new SubnetPool(options.subnetPool);
  const sharedPool = SubnetPool.shared(options.subnetPool);
  let lockdown = options.lockdown;
  let guard: Guard | undefined;
  const files = new ResolverFiles();
  const { anyProgram = true } = options;
  let { createProxy } = options;
  return (open) => {
    createProxy ??= new Workers(open.logger && { logger: open.logger }).createProxy;
    lockdown ??= new Lockdown({
      ...(options.port !== undefined && { port: options.port }),
      ...(open.logger && { logger: open.logger }),
    });
    if (!guard) files.tidy();
    guard ??= new Guard(open.logger);
    return openHostGateway(open, { pool, sharedPool, lockdown, guard, createProxy, files, anyProgram });
  };
}

/** Why, in a line: before a job runs there is no address that a proxy could listen on, and no bridge to look at. */
export const NOT_ON_PODMAN =
  'the engine is Podman, which makes the bridge of a network when its first container starts: use --gateway container';

/** What the gateways of one process share. */
interface HostResources {
  readonly pool: SubnetPool;
  readonly sharedPool: SubnetPool;
  readonly lockdown: Lockdown;
  readonly guard: Guard;
  readonly createProxy: typeof createEgressProxy;
  readonly files: ResolverFiles;
  readonly anyProgram: boolean;
}

/**
 * Opens a gateway on the host: lock-down, network, lock-down once more, proxy. On any failure nothing is left behind.
 *
 * @throws GatewayError (LockdownError, EngineError, PlacementError, PortTakenError), or what the policy's parser
 *   throws.
 */
async function openHostGateway(options: OpenGatewayOptions, resources: HostResources): Promise<Gateway> {
  const { pool, sharedPool, lockdown, createProxy, files } = resources;
  if (process.platform !== 'linux') {
    throw new PlacementError('the gateway can be placed on a Linux host only: use --gateway container');
  }
  const { docker, product } = options.engine;
  if (product === 'Podman') throw new PlacementError(NOT_ON_PODMAN);
  // Policy errors are the caller's: found before anything is made.
  let gateway: HostGateway | undefined;
  const proxy = createProxy(options.policy, {
    ...(options.logger && { logger: options.logger }),
    ...(options.onEvent && { onEvent: options.onEvent }),
    ...(options.ledger && { ledger: options.ledger }),
    onFailed: (error) => void gateway?.cutOff(error),
  });
  const { existing } = options;
  let network: IsolatedNetwork | undefined;
  try {
    // Where the rules cannot be had, no network is made. While they are watched, the look behind the network is enough:
    // until then nothing is on it.
    if (existing || !lockdown.isWatched) await lockdown.ensure();
    network = existing
      ? { ...existing, cidr: existing.subnet }
      : await createIsolatedNetwork(
          docker,
          options.network?.shared ? sharedPool : pool,
          {
            owner: options.owner.ref,
            kind: options.owner.kind,
            ...options.policy.job,
            port: lockdown.port,
            created: new Date(),
          },
          wishOf(options),
        );
    if (existing) assertPort(existing, lockdown.port);
    if (existing) {
      // Down since its serve died.
      hardenBridge(network.bridge, lockdown.hasSecondLine);
      raiseBridge(network.bridge);
    }
    await assertLocal(network);
    hardenBridge(network.bridge, lockdown.hasSecondLine);
    const { bridge, gateway: address } = network;
    const ports = resources.anyProgram ? slots(options, lockdown.port) : [];
    lockdown.map(bridge, ports);
    const [file] = await Promise.all([
      resources.anyProgram ? files.write(docker, bridge, address) : undefined,
      // Making a network makes the engine change the firewall, and somebody may have removed the rules before there was one.
      (!existing || ports.length > 0) && lockdown.ensure({ exclusive: true }),
    ]);
    const own = ownPorts(lockdown.port);
    const direct =
      resources.anyProgram && lockdown.redirects ? directPorts(own.names, own, ports) : undefined;
    await listen(proxy, network, lockdown.port, direct);
    const names = direct && { address, file, hosts: exactNames(options.policy) };
    gateway = new HostGateway(options, network, proxy, { ...resources, names });
    return gateway;
  } catch (error) {
    await proxy.close().catch(() => {});
    if (network) await release(network, resources);
    if (existing) lowerBridge(existing.bridge);
    else if (network) await removeNetwork(docker, network).catch(() => {});
    throw error;
  }
}

const wishOf = ({ network }: OpenGatewayOptions) => (network ? { wish: network } : {});

/** Ports of the job's entries, each with an own port of the gateway. */
function slots({ policy, logger }: OpenGatewayOptions, port: number): [port: number, own: number][] {
  const own = ownPorts(port);
  const taken = (other: number) => other >= port && other <= own.last;
  return entryPorts(policy, { most: SLOTS, taken, logger }).map((one, i) => [one, own.slot(i)]);
}

/** Takes back what is a network's in the firewall and among the files. Never throws: the next gateway tidies up. */
async function release(
  { bridge }: IsolatedNetwork,
  { lockdown, files }: Pick<HostResources, 'lockdown' | 'files'>,
): Promise<void> {
  files.remove(bridge);
  await lockdown.unmap(bridge).catch(() => {});
}

// Its container has the address in its environment.
function assertPort({ name, record }: OwnedNetwork, port: number): void {
  if (record.port === port) return;
  throw new GatewayError(
    `the gateway of network ${name} is at port ${record.port}, not ${port}: start with --gateway-port ${record.port} until its job has ended`,
  );
}

async function listen(
  proxy: EgressProxy,
  network: IsolatedNetwork,
  port: number,
  direct: DirectPorts | undefined,
): Promise<void> {
  try {
    const clients = clientRanges(network);
    await proxy.listen({ host: network.gateway, port, clients, ...(direct && { direct }) });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      const taken = /:(\d+)$/.exec((error as Error).message)?.[1] ?? port;
      throw new PortTakenError(
        `port ${taken} of ${network.gateway} is taken: another program listens on it on all addresses (ss -lntup sport = :${taken} shows which); end it, or give all jobs other ports with --gateway-port`,
        { cause: error },
      );
    }
    if (code === 'EADDRNOTAVAIL') {
      throw new PlacementError(
        `${network.gateway}, the address of ${network.bridge}, is not an address of this host: use --gateway container`,
        { cause: error },
      );
    }
    if (code === 'EACCES') {
      throw new GatewayError(
        `port ${port} is for privileged programs, and a worker is none: choose one from 1024 on with --gateway-port`,
        { cause: error },
      );
    }
    throw new GatewayError(
      `the proxy cannot listen on ${network.gateway}:${port}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

class HostGateway implements Gateway {
  readonly id: string;
  readonly network: Gateway['network'];
  readonly proxy: Gateway['proxy'];
  readonly failed: Promise<Error>;
  readonly #network: IsolatedNetwork;
  readonly #egress: EgressProxy;
  readonly #options: OpenGatewayOptions;
  names: Gateway['names'];
  #policy: EgressPolicy;
  readonly #resources: Pick<HostResources, 'lockdown' | 'files'>;
  readonly #watch: Disposable;
  readonly #guarded: Disposable;
  #fail: (error: Error) => void = () => {};
  #left: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    options: OpenGatewayOptions,
    network: IsolatedNetwork,
    egress: EgressProxy,
    resources: Pick<HostResources, 'lockdown' | 'guard' | 'files'> & Pick<Gateway, 'names'>,
  ) {
    const { lockdown, guard } = resources;
    this.names = resources.names;
    this.#policy = options.policy;
    this.#resources = resources;
    this.id = gatewayId(network);
    this.network = {
      id: network.id,
      name: network.name,
      subnet: network.cidr,
      gateway: network.gateway,
    };
    const { gateway: host } = network;
    const { port } = lockdown;
    this.proxy = { host, port, url: `http://${host}:${port}` };
    this.#network = network;
    this.#egress = egress;
    this.#options = options;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#watch = lockdown.watch(
      (error) => this.cutOff(error),
      () => {
        // An engine that starts again makes its bridges again; nothing passes one that is not there.
        if (hasInterface(network.bridge)) hardenBridge(network.bridge, lockdown.hasSecondLine);
        guard.check();
      },
    );
    this.#guarded = guard.protect(network.bridge);
  }

  setContainer(address: string | undefined): void {
    if (address === undefined) {
      this.#egress.setClients(clientRanges(this.#network));
      return;
    }
    if (!contains(this.#network.cidr, address) || address === this.#network.gateway) {
      throw new GatewayError(`${address} is not an address of a container on ${this.#network.cidr}`);
    }
    this.#egress.setClients([`${address}/32`]);
  }

  async change(change: PolicyChange): Promise<PolicyChanged> {
    const changed = await this.#egress.change(change);
    this.#policy = { ...this.#policy, job: { ...this.#policy.job, ...change } };
    if (this.names) this.names = { ...this.names, hosts: exactNames(this.#policy) };
    return changed;
  }

  figures() {
    return this.#egress.figures();
  }

  async drain(ms: number): Promise<void> {
    await this.#egress.drain(ms);
    await this.close();
  }

  async leave(ms: number): Promise<void> {
    if (!this.#closed) this.#left ??= this.#leave(ms);
    await (this.#closed ?? this.#left);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #leave(ms: number): Promise<void> {
    this.#watch[Symbol.dispose]();
    try {
      await this.#egress.drain(ms);
    } finally {
      lowerBridge(this.#network.bridge);
      this.#guarded[Symbol.dispose]();
    }
  }

  async #close(): Promise<void> {
    this.#watch[Symbol.dispose]();
    try {
      await this.#egress.close();
      await this.#left;
    } finally {
      await release(this.#network, this.#resources);
      // Guarded until it is gone: what fails here is the next sweep's, once this process has ended.
      await removeNetwork(this.#options.engine.docker, this.#network);
      this.#guarded[Symbol.dispose]();
    }
  }

  /** The network itself stays until close(), whose caller still has a container to remove. */
  async cutOff(error: Error): Promise<void> {
    // First, and whatever the engine says: nothing passes a bridge that is down.
    lowerBridge(this.#network.bridge);
    await Promise.all([
      disconnectAll(this.#options.engine.docker, this.#network),
      this.#egress.close().catch(() => {}),
    ]);
    this.#fail(error);
  }
}
