import type Dockerode from 'dockerode';
import type { OperatorPolicy } from '../../proxy/policy/policy.js';
import type { Engine } from '../engine/engine.js';
import { EngineError, engineMessage, engineStatus, GatewayError, PlacementError } from '../engine/errors.js';
import { isOlder } from '../engine/versions.js';
import { knownHoles } from './known-holes.js';
import type { Wall } from './network.js';
import { imageMissing, outsideMissing } from './proxy-container.js';

/** API of Docker 20.10, the oldest that is tested. */
const OLDEST_API = '1.41';
/** API of Docker 28, the first with gateway mode `isolated`. Older ones take no notice of an option they don't know. */
const ISOLATED_API = '1.48';

/** Podman of Debian 13, the oldest that is tested. Before 5.0 networks may be those of CNI, which have no such bridge. */
const OLDEST_PODMAN = '5.4';

/** How this engine makes a bridge without an address of the host. */
export function wallOf({ product, apiVersion }: Pick<Engine, 'product' | 'apiVersion'>): Wall {
  if (product === 'Podman') return 'no gateway';
  return isOlder(apiVersion, ISOLATED_API) ? 'inhibit_ipv4' : 'isolated';
}

/** @throws PlacementError for an engine that is too old, naming its hole. */
export function assertRecent({
  product,
  version,
  apiVersion,
}: Pick<Engine, 'product' | 'version' | 'apiVersion'>): void {
  if (product === 'Podman') {
    if (!isOlder(version, OLDEST_PODMAN)) return;
    throw new PlacementError(
      `Podman ${version} is too old for gateways in containers: they need Podman ${OLDEST_PODMAN} or later`,
    );
  }
  if (!isOlder(apiVersion, OLDEST_API)) return;
  const hole = knownHoles(version).at(-1);
  throw new PlacementError(
    `Docker ${version} (API ${apiVersion}) is too old for gateways in containers${hole ? ` (${hole.id}: ${hole.what})` : ''}: they need Docker 20.10 or later`,
  );
}

/** @throws GatewayError where the image is not on the engine. */
export async function assertImage(docker: Dockerode, image: string): Promise<void> {
  try {
    await docker.getImage(image).inspect();
  } catch (error) {
    if (engineStatus(error) === 404) throw imageMissing(image);
    throw new EngineError(`image ${image}: ${engineMessage(error)}`, { cause: error });
  }
}

/** @throws GatewayError where the network is not there, or leads nowhere. */
export async function assertOutside(docker: Dockerode, outside: string): Promise<void> {
  let info: Dockerode.NetworkInspectInfo;
  try {
    info = await docker.getNetwork(outside).inspect();
  } catch (error) {
    if (engineStatus(error) === 404) throw outsideMissing(outside);
    throw new EngineError(`network ${outside}: ${engineMessage(error)}`, { cause: error });
  }
  const wrong = info.Internal
    ? 'is internal and leads nowhere'
    : ['host', 'null'].includes(info.Driver)
      ? `is of driver ${info.Driver}, and a gateway needs one beside the job's network`
      : /^jobgate-/.test(info.Name)
        ? "is a job's"
        : undefined;
  if (wrong)
    throw new GatewayError(`network ${outside} ${wrong}: set Gateway.OutsideNetwork to a bridge network`);
}

/**
 * @throws PlacementError for servers of the operator on the loopback of this host, which is not that of a container.
 */
export function assertServersReachable({ dns, upstream }: OperatorPolicy): void {
  const server = dns === 'default' || dns === 'system' ? undefined : hostOf(`udp://${dns}`);
  if (server && isLoopback(server)) {
    throw new PlacementError(
      `the DNS server ${dns} is on the loopback of this host, which a gateway in a container does not reach: give it an address of the host, or use --gateway host`,
    );
  }
  const proxy = upstream === undefined ? undefined : hostOf(upstream);
  if (proxy && isLoopback(proxy)) {
    throw new PlacementError(
      `the upstream proxy at ${proxy} is on the loopback of this host, which a gateway in a container does not reach: give it an address of the host, or use --gateway host`,
    );
  }
}

const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).hostname : undefined);
const isLoopback = (host: string) => /^(127\.|\[::1\]$|localhost$)/.test(host);
