import type Dockerode from 'dockerode';
import { GatewayError, LockdownError, PlacementError } from '../engine/errors.js';
import { bridgeIsHere } from '../host/bridge.js';
import { FirewallError } from '../host/firewall.js';
import { hasInterface } from '../host/host-net.js';
import { type ContainerGatewayOptions, containerGateways } from './container-gateways.js';
import type { Gateway, OpenGateway, OpenGatewayOptions } from './gateway.js';
import { type HostGatewayOptions, hostGateways } from './host-gateway.js';
import type { Placement } from './owned-network.js';

export interface PlacedGatewaysOptions extends HostGatewayOptions, ContainerGatewayOptions {
  /** `auto`: the host where it can be, else a container. */
  readonly placement: Placement | 'auto';
  /** Told once where gateways are placed, and why there. */
  readonly onPlaced?: (placement: Placement, why: string) => void;
}

/**
 * Gateways at the placement that is asked for. A gateway on an existing network is opened where it was. There is no
 * placement without enforcement: where neither works, opening fails.
 */
export function placedGateways(options: PlacedGatewaysOptions): OpenGateway {
  const at: Record<Placement, OpenGateway> = {
    host: hostGateways(options),
    container: containerGateways(options),
  };
  const { placement } = options;
  const fresh = placement === 'auto' ? auto(at, options) : at[placement];
  let told = placement === 'auto';
  return (open) => {
    if (open.existing) return at[open.existing.placement](open);
    if (!told) options.onPlaced?.(placement as Placement, 'as asked');
    told = true;
    return fresh(open);
  };
}

/** The first gateway decides for all that come after it. */
function auto(at: Record<Placement, OpenGateway>, { onPlaced }: PlacedGatewaysOptions): OpenGateway {
  let decided: Placement | undefined;
  let deciding: Promise<unknown> | undefined;

  const decide = async (open: OpenGatewayOptions): Promise<Gateway> => {
    const { gateway, placement, why } = await openSomewhere(at, open);
    decided = placement;
    onPlaced?.(placement, why);
    return gateway;
  };
  return async (open) => {
    await deciding?.catch(() => {});
    if (decided) return at[decided](open);
    const first = decide(open);
    deciding = first;
    return first;
  };
}

async function openSomewhere(
  at: Record<Placement, OpenGateway>,
  open: OpenGatewayOptions,
): Promise<{ gateway: Gateway; placement: Placement; why: string }> {
  const obstacle = await tryHost(at.host, open);
  if (!(obstacle instanceof Error)) {
    return {
      gateway: obstacle,
      placement: 'host',
      why: 'the engine is on this host, and the lock-down stands',
    };
  }
  try {
    return { gateway: await at.container(open), placement: 'container', why: obstacle.message };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new GatewayError(
      `no gateway can be opened here. On the host: ${obstacle.message}. In a container: ${error.message}`,
      { cause: error },
    );
  }
}

/** The gateway, or why it cannot be on the host. @throws what has nothing to do with the placement. */
async function tryHost(openOnHost: OpenGateway, open: OpenGatewayOptions): Promise<Gateway | GatewayError> {
  if ((await engineIsHere(open.engine.docker)) === false) {
    return new PlacementError('the engine is not in this network namespace');
  }
  try {
    return await openOnHost(open);
  } catch (error) {
    const busy = error instanceof FirewallError && (error.kind === 'busy' || error.kind === 'starved');
    if (!busy && (error instanceof PlacementError || error instanceof LockdownError)) return error;
    throw error;
  }
}

/**
 * Whether the engine's default bridge is in this network namespace: a hint that costs nothing. A gateway's own bridge is
 * the proof. Undefined where the engine has no default bridge.
 */
export async function engineIsHere(docker: Dockerode): Promise<boolean | undefined> {
  const info = await docker
    .getNetwork('bridge')
    .inspect()
    .catch(() => undefined);
  const bridge = info?.Options?.['com.docker.network.bridge.name'];
  if (!bridge) return undefined;
  if (!hasInterface(bridge)) return false;
  return bridgeIsHere(bridge, info?.IPAM?.Config?.[0]?.Subnet ?? '') || undefined;
}
