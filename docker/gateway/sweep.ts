import type Dockerode from 'dockerode';
import type { Logger } from '../../proxy/policy/logger.js';
import { answerWithin } from '../engine/answer-within.js';
import { EngineError, engineMessage } from '../engine/errors.js';
import { removeContainer } from '../engine/remove-container.js';
import { BRIDGE_PREFIX, CONTAINER_BRIDGE_PREFIX, interfaceNames } from '../host/host-net.js';
import { fromLabels, VERSION_LABEL } from './labels.js';
import { isOurName, removeNetwork } from './network.js';
import type { OwnedNetwork } from './owned-network.js';
import { livenessOf, livenessOfId, ownerOfContainerName } from './owner.js';
import { addressAfter } from './subnet-pool.js';

export interface SweepOptions {
  readonly logger?: Logger;
  /**
   * Called for each network of a dead `serve`, which is left alone otherwise: a job may still run on it, and the
   * next `serve` opens its gateway again.
   */
  readonly onServeNetwork?: (network: OwnedNetwork) => void | Promise<void>;
}

/** What a sweep did. */
export interface Swept {
  readonly networks: number;
  readonly containers: number;
  /** Networks and containers whose owners are on other machines or in other network namespaces: left alone. */
  readonly unknown: number;
  /** Left-overs that the engine would not remove; the log says why. */
  readonly failed: number;
}

/** For a left-over: the engine may never come back from one, and who starts now waits for it. */
const REMOVAL_MS = 15_000;

/**
 * Removes what dead `run`s left on the engine: their networks, the containers on these, and containers of theirs on
 * other networks. Never what belongs to a live one; any number of sweeps may run at the same time.
 *
 * Labels of containers are no ground for anything, an image can forge them. A container belongs to a dead run if it
 * was made for the run's network, or if it has a name that the run chose.
 *
 * @throws EngineError where the engine doesn't say what it has.
 */
export async function sweep(docker: Dockerode, options: SweepOptions = {}): Promise<Swept> {
  const swept = { networks: 0, containers: 0, unknown: 0, failed: 0 };
  const [networks, containers] = await list(docker);
  const here = new Set(interfaceNames());
  const dead: OwnedNetwork[] = [];
  for (const info of networks) {
    const network = readNetwork(info);
    if (typeof network === 'string') {
      options.logger?.warn({ network: info.Name }, `network ${info.Name} is left alone: ${network}`);
      swept.unknown++;
      continue;
    }
    if (!network) continue;
    // The list is older than the question: what it has was made by somebody who listened before.
    let liveness = await livenessOf(network.record.owner, here.has(network.bridge));
    if (liveness === 'unknown' && (await isOrphan(docker, network, containers))) liveness = 'dead';
    if (liveness === 'unknown') swept.unknown++;
    if (liveness !== 'dead') continue;
    if (network.record.kind === 'run') dead.push(network);
    else await options.onServeNetwork?.(network);
  }
  // Left-overs that stay are no reason to fail for who starts now.
  const attempt = async (work: () => Promise<boolean>): Promise<number> => {
    try {
      return (await answerWithin(REMOVAL_MS, work())) ? 1 : 0;
    } catch (error) {
      options.logger?.warn({ err: error }, engineMessage(error));
      swept.failed++;
      return 0;
    }
  };
  const kept = new Set(
    networks.filter(({ Id }) => !dead.some(({ id }) => id === Id)).map(({ Name }) => Name),
  );
  const gone: Dockerode.ContainerInfo[] = [];
  for (const container of containers) {
    const left = await isLeftOver(container, dead, kept);
    if (left === 'unknown') swept.unknown++;
    if (left === 'dead') gone.push(container);
  }
  const all = async <T>(items: readonly T[], remove: (item: T) => Promise<boolean>) =>
    (await Promise.all(items.map((item) => attempt(() => remove(item))))).filter(Boolean).length;
  swept.containers = await all(gone, (container) => removeLeftOver(docker, container, options.logger));
  swept.networks = await all(dead, async (network) => {
    await removeNetwork(docker, network);
    options.logger?.info(
      { network: network.name, job: network.record.job },
      'removed the network of a dead run',
    );
    return true;
  });
  return swept;
}

async function list(docker: Dockerode): Promise<[Dockerode.NetworkInspectInfo[], Dockerode.ContainerInfo[]]> {
  try {
    return await Promise.all([
      docker.listNetworks({ filters: { label: [VERSION_LABEL] } }),
      docker.listContainers({ all: true }),
    ]);
  } catch (error) {
    throw new EngineError(`the engine does not list what it has: ${engineMessage(error)}`, { cause: error });
  }
}

/** A network of ours as the engine shows it; undefined where it isn't ours, a sentence where it claims to be. */
export function readNetwork(info: Dockerode.NetworkInspectInfo): OwnedNetwork | string | undefined {
  const record = fromLabels(info.Labels);
  if (!record || typeof record === 'string') return record;
  const { bridge, subnet, gateway } = addressing(info);
  if (!info.Internal || info.Driver !== 'bridge') return 'it is not an internal bridge network';
  const isNamedByUs = isOurName(info.Name);
  if (!isNamedByUs && record.gate === undefined) return 'its name is not one of ours';
  const prefix =
    bridge && prefixOf(bridge, { name: isNamedByUs ? info.Name : undefined, shared: record.shared });
  if (!bridge || !prefix) return 'its bridge is not one of ours';
  if (!subnet || !gateway) return 'it has no subnet';
  const placement = prefix === BRIDGE_PREFIX ? 'host' : 'container';
  return { id: info.Id, name: info.Name, bridge, placement, subnet, gateway, record };
}

function addressing({ Name, Options, IPAM }: Dockerode.NetworkInspectInfo) {
  const { Subnet: subnet, Gateway: gateway } = IPAM?.Config?.[0] ?? {};
  // Podman does not show a bridge's name, and so an address that nobody has; both follow from what it shows.
  if (gateway === '<nil>' && subnet) {
    const bridge = isOurName(Name) ? Name.replace(/^jobgate-/, CONTAINER_BRIDGE_PREFIX) : undefined;
    return { bridge, subnet, gateway: addressAfter(subnet) };
  }
  return { bridge: Options?.['com.docker.network.bridge.name'], subnet, gateway };
}

/** @param name of the network where it is ours, and tells the bridge's. */
function prefixOf(
  bridge: string,
  { name, shared = false }: { readonly name: string | undefined; readonly shared: boolean | undefined },
): string | undefined {
  if (name !== undefined) {
    return [BRIDGE_PREFIX, CONTAINER_BRIDGE_PREFIX].find(
      (prefix) => bridge === name.replace(/^jobgate-/, prefix),
    );
  }
  if ((shared ? /^jg-s[0-9a-f]{11}$/ : /^jg-[0-9a-f]{12}$/).test(bridge)) return BRIDGE_PREFIX;
  return /^jgc[0-9a-f]{12}$/.test(bridge) ? CONTAINER_BRIDGE_PREFIX : undefined;
}

/** Ms after which a gateway's container must run, by the engine's own clock. */
const OPENING_MS = 120_000;

/**
 * Whether an owner that can't be asked from here is gone all the same: a gateway's container runs for as long as its
 * owner does, so a network that has none any more, and is not about to get one, is nobody's.
 */
async function isOrphan(
  docker: Dockerode,
  network: OwnedNetwork,
  containers: readonly Dockerode.ContainerInfo[],
): Promise<boolean> {
  if (network.placement !== 'container') return false;
  const address = addressAfter(network.gateway);
  const runs = containers.some(
    ({ State, NetworkSettings }) =>
      State === 'running' && NetworkSettings?.Networks?.[network.name]?.IPAddress === address,
  );
  if (runs) return false;
  const [info, made] = await Promise.all([docker.info(), docker.getNetwork(network.id).inspect()]).catch(
    () => [undefined, undefined],
  );
  return Date.parse(info?.SystemTime) - Date.parse(made?.Created ?? '') > OPENING_MS;
}

async function isLeftOver(
  container: Dockerode.ContainerInfo,
  dead: readonly OwnedNetwork[],
  kept: ReadonlySet<string>,
): Promise<'dead' | 'unknown' | 'no'> {
  // One that was created and never started is not among the network's own containers. Podman's list has no mode.
  const { NetworkMode: mode } = container.HostConfig ?? {};
  const madeFor = mode === undefined ? Object.keys(container.NetworkSettings?.Networks ?? {}) : [mode];
  if (dead.some(({ name, id }) => madeFor.includes(name) || madeFor.includes(id))) return 'dead';
  // A dead serve's job still runs, and gets its gateway back.
  if (madeFor.some((network) => kept.has(network))) return 'no';
  for (const name of container.Names ?? []) {
    const owner = ownerOfContainerName(name);
    if (!owner) continue;
    const liveness = await livenessOfId(owner);
    if (liveness !== 'alive') return liveness;
  }
  return 'no';
}

async function removeLeftOver(
  docker: Dockerode,
  { Id, Names }: Dockerode.ContainerInfo,
  logger: Logger | undefined,
): Promise<boolean> {
  const name = Names?.[0]?.replace(/^\//, '') ?? Id;
  const removed = await removeContainer(docker.getContainer(Id), `container ${name} of a dead run`);
  if (removed) logger?.info({ container: name }, 'removed the container of a dead run');
  return removed;
}
