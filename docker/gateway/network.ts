import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { EngineError, engineMessage, engineStatus, PlacementError } from '../engine/errors.js';
import {
  BRIDGE_PREFIX,
  CONTAINER_BRIDGE_PREFIX,
  hasInterface,
  rangesInUse,
  recentRangesInUse,
  SHARED_BRIDGE_PREFIX,
} from '../host/host-net.js';
import type { NetworkWish } from './gateway.js';
import { type NetworkRecord, toLabels } from './labels.js';
import { createPodmanNetwork } from './podman-network.js';
import { type Subnet, type SubnetPool, upperHalf } from './subnet-pool.js';

/**
 * What stands between a job and the engine's host: the lock-down's rules, or a bridge on which the host has no address,
 * by the engine's option for it (Podman's is to have no gateway).
 */
export type Wall = 'lock-down' | 'isolated' | 'inhibit_ipv4' | 'no gateway';

/** The network of one job. */
export interface IsolatedNetwork extends Subnet {
  readonly id: string;
  /** `jobgate-<random>`, never made of the job's id; of one that a client of the gate named, its own (see isOurName). */
  readonly name: string;
  /** Name of the bridge on the engine's host: `jg-<random>` behind the lock-down (`jg-s…` where containers share it), else `jgc<random>`. */
  readonly bridge: string;
}

/** Subnets that are tried. So many that are free here and taken on the engine are no coincidence. */
const MAX_ATTEMPTS = 100;

/**
 * Makes an isolated network: no way out, no IPv6, a subnet of the pool. This alone does not keep the job from the
 * host: its wall does.
 *
 * @throws EngineError where the engine makes none, GatewayError where the pool is exhausted.
 */
export async function createIsolatedNetwork(
  docker: Dockerode,
  pool: SubnetPool,
  record: NetworkRecord,
  { wall = 'lock-down', wish }: { wall?: Wall; wish?: NetworkWish } = {},
): Promise<IsolatedNetwork> {
  const random = randomBytes(6).toString('hex');
  const name = wish?.name ?? `jobgate-${random}`;
  const bridge = bridgeName(random, wall, wish);
  const tried: string[] = [];
  let free = chain(wish?.subnet ? [wish.subnet] : [], pool.free(recentRangesInUse()));
  for (;;) {
    const { value: subnet } = free.next();
    if (!subnet || tried.push(subnet.cidr) > MAX_ATTEMPTS) throw pool.exhausted();
    try {
      const options = networkOptions(name, bridge, subnet, { record, wall, wish });
      const { id } = await (wall === 'no gateway'
        ? createPodmanNetwork(docker, options)
        : docker.createNetwork(options));
      return { id, name, bridge, ...subnet };
    } catch (error) {
      // Another process was faster, or the engine knows of something that the host doesn't. To list what it has costs it
      // as much as it has: not before it is needed.
      if (isOverlap(error)) {
        if (tried.length === 1) free = pool.free([...(await takenRanges(docker)), ...tried]);
        continue;
      }
      throw new EngineError(`the engine cannot make a network: ${engineMessage(error)}`, { cause: error });
    }
  }
}

/** A subnet that is free now, and overlaps nothing of `busy`. @throws EngineError, GatewayError where there is none. */
export async function freeSubnet(
  docker: Dockerode,
  pool: SubnetPool,
  busy: readonly string[],
): Promise<Subnet> {
  for (const subnet of pool.free([...(await takenRanges(docker)), ...busy])) return subnet;
  throw pool.exhausted();
}

function* chain<T>(...parts: readonly Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}

function networkOptions(
  name: string,
  bridge: string,
  subnet: Subnet,
  { record, wall, wish }: { record: NetworkRecord; wall: Wall; wish: NetworkWish | undefined },
): Dockerode.NetworkCreateOptions {
  const addresses = { Subnet: subnet.cidr, Gateway: subnet.gateway };
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: 'bridge',
    Internal: true,
    Attachable: false,
    Ingress: false,
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      // A gateway that is a container gets its own again: no container that starts before it may have been given it.
      Config: [wall === 'lock-down' ? addresses : { ...addresses, IPRange: upperHalf(subnet.cidr) }],
    },
    Options: {
      'com.docker.network.bridge.name': bridge,
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
      ...wallOptions(wall, wish?.shared ?? false),
    },
    Labels: { ...wish?.labels, ...toLabels(withWish(record, wish)) },
  };
}

function wallOptions(wall: Wall, shared: boolean): Record<string, string> {
  switch (wall) {
    case 'lock-down':
      // One container per network; whatever else gets attached is no neighbour of it.
      return { 'com.docker.network.bridge.enable_icc': String(shared) };
    case 'isolated':
      return { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' };
    case 'inhibit_ipv4':
      return { 'com.docker.network.bridge.inhibit_ipv4': 'true' };
    case 'no gateway':
      return {};
  }
}

function bridgeName(random: string, wall: Wall, wish: NetworkWish | undefined): string {
  if (wall !== 'lock-down') return CONTAINER_BRIDGE_PREFIX + random;
  return wish?.shared ? SHARED_BRIDGE_PREFIX + random.slice(1) : BRIDGE_PREFIX + random;
}

function withWish(record: NetworkRecord, wish: NetworkWish | undefined): NetworkRecord {
  if (!wish) return record;
  const { gate, shared = false } = wish;
  return { ...record, gate, ...(shared && { shared }) };
}

/** Whether a network's name is one that we gave; a client's own never begins so. */
export function isOurName(name: string): boolean {
  return /^jobgate-[0-9a-f]{12}$/.test(name);
}

/** Id of a network's gateway: what of its bridge's name is random, since the network's own may be a client's. */
export function gatewayId({ bridge }: { readonly bridge: string }): string {
  return bridge.slice(BRIDGE_PREFIX.length);
}

/**
 * Evidence that the engine is on this machine, in this network namespace.
 *
 * @throws PlacementError where the network's bridge is not here.
 */
export async function assertLocal(network: IsolatedNetwork): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt++) {
    // Of no other network: much of its name is random.
    if (hasInterface(network.bridge)) return;
    await sleep(20);
  }
  throw new PlacementError(
    `the engine is not in this network namespace (its bridge ${network.bridge} is not here): the gateway cannot be placed on the host; use --gateway container`,
  );
}

/** Takes all containers off the network at once, so that none of them reaches anything by it. Never throws. */
export async function disconnectAll(docker: Dockerode, network: { id: string }): Promise<void> {
  const handle = docker.getNetwork(network.id);
  const { Containers: attached = {} } = await handle
    .inspect()
    .catch(() => ({}) as Partial<Dockerode.NetworkInspectInfo>);
  await Promise.all(
    Object.keys(attached ?? {}).map((Container) =>
      handle.disconnect({ Container, Force: true }).catch(() => {}),
    ),
  );
}

/**
 * Removes a network and takes its containers off it. One that is gone already is fine.
 *
 * @throws EngineError where it stays.
 */
export async function removeNetwork(docker: Dockerode, network: { id: string; name: string }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await disconnectAll(docker, network);
    try {
      await docker.getNetwork(network.id).remove();
      return;
    } catch (error) {
      if (engineStatus(error) === 404) return;
      // "has active endpoints": a container came or went in between.
      if (attempt >= 5) {
        throw new EngineError(
          `network ${network.name} cannot be removed: ${engineMessage(error)}; jobgate clean removes it later`,
          { cause: error },
        );
      }
      await sleep(50 * 2 ** attempt);
    }
  }
}

async function takenRanges(docker: Dockerode): Promise<string[]> {
  const networks = await docker.listNetworks().catch((error) => {
    throw new EngineError(`the engine does not list its networks: ${engineMessage(error)}`, { cause: error });
  });
  const subnets = networks
    .flatMap((network) => network.IPAM?.Config ?? [])
    .map((config) => config.Subnet ?? '');
  return [...rangesInUse(), ...subnets];
}

function isOverlap(error: unknown): boolean {
  // Docker's words, and Podman's.
  return /overlap|is already used on the host or by another config/i.test(engineMessage(error));
}
