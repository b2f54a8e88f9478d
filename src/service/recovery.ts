import type Dockerode from 'dockerode';
import type { Engine } from '../../docker/engine.js';
import { EngineError, engineMessage } from '../../docker/errors.js';
import type { Log } from '../../docker/log.js';
import { removeNetwork } from '../../docker/network.js';
import { Owner, ownerOfContainerName } from '../../docker/owner.js';
import { type OwnedNetwork, sweep } from '../../docker/sweep.js';
import type { Gateways } from './gateways.js';

export interface RecoveryOptions {
  readonly engine: Engine;
  readonly gateways: Gateways;
  readonly logger: Log;
  /** A network without any container is kept for so long after it was made: its container may be on its way. */
  readonly unusedAfterMs: number;
}

/**
 * Takes over what dead serves left: the gateways of jobs that still run are opened again at their addresses, and
 * networks that have no job any more are removed. What dead runs left is removed as well.
 *
 * @returns the owners that were taken over; to be closed when this serve ends.
 */
export async function recover(options: RecoveryOptions): Promise<Owner[]> {
  const { engine, gateways, logger } = options;
  const networks: OwnedNetwork[] = [];
  await sweep(engine.docker, { logger, onServeNetwork: (network) => void networks.push(network) });
  if (networks.length === 0) return [];
  const owners = await takeOver(networks);
  const containers = await listContainers(engine.docker);
  await Promise.all(
    networks.map(async (network) => {
      const owner = owners.get(network.record.owner.id);
      if (!owner) return; // another serve was faster
      const { job, execution } = network.record;
      const about = { job, ...(execution !== undefined && { execution }), network: network.name };
      try {
        // Of the serve that died: they serve nobody any more.
        await removeProxies(engine.docker, network, containers);
        if (hasJob(network, containers, options.unusedAfterMs) && !gateways.isTaken(network.record)) {
          await gateways.reopen(network, { engine, owner });
        } else {
          await removeNetwork(engine.docker, network);
          logger.info(about, 'removed a network that has no job any more');
        }
      } catch (error) {
        logger.error(
          { ...about, err: error },
          'a gateway could not be opened again: its job reaches nothing',
        );
      }
    }),
  );
  return [...owners.values()];
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
  const of = containers.filter((container) => !isOurs(container) && isOn(container, { id, name }));
  if (of.some(({ State }) => State !== 'exited' && State !== 'dead')) return true;
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
  await Promise.all(
    proxies.map(({ Id }) =>
      docker
        .getContainer(Id)
        .remove({ force: true, v: true })
        .catch(() => {}),
    ),
  );
}
