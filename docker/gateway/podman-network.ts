import type Dockerode from 'dockerode';
import { EngineError } from '../engine/errors.js';
import { askPodman } from '../engine/podman.js';
import { addressesOf } from './subnet-pool.js';

/** What Podman's own API says of a network. */
interface LibpodNetwork {
  readonly id: string;
  readonly internal: boolean;
  readonly dns_enabled: boolean;
  readonly ipv6_enabled: boolean;
  readonly subnets?: readonly { readonly subnet: string; readonly gateway?: string }[];
}

/**
 * Makes an internal network on Podman on whose bridge the host has no address. That is one without a gateway, which
 * Podman makes only without its name server: its API for Docker's clients has both always, and takes no notice of
 * Docker's options for it.
 *
 * @param options as for Docker
 * @throws the engine's error, or EngineError where the network is another one than was asked for: it is removed then.
 */
export async function createPodmanNetwork(
  docker: Dockerode,
  { Name, Options, IPAM, Labels }: Dockerode.NetworkCreateOptions,
): Promise<{ id: string }> {
  const [{ Subnet = '', IPRange = '' } = {}] = IPAM?.Config ?? [];
  const { first, last } = addressesOf(IPRange);
  const network = (await askPodman(docker, '/networks/create', {
    name: Name,
    driver: 'bridge',
    network_interface: Options?.['com.docker.network.bridge.name'],
    internal: true,
    dns_enabled: false,
    ipv6_enabled: false,
    subnets: [{ subnet: Subnet, lease_range: { start_ip: first, end_ip: last } }],
    labels: Labels,
  })) as LibpodNetwork;
  const { id, internal, dns_enabled, ipv6_enabled, subnets = [] } = network;
  const [only] = subnets;
  const isWalled = internal && !dns_enabled && !ipv6_enabled && subnets.length === 1 && !only?.gateway;
  if (isWalled && only?.subnet === Subnet) return { id };
  await docker.getNetwork(id).remove();
  throw new EngineError(
    `Podman made network ${Name} with an address of the host, or another way out than was asked for: ${JSON.stringify(subnets)}`,
  );
}
