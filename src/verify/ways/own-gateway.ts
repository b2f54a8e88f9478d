import { isolatedOptions } from '../../../docker/engine/container.js';
import type { Engine } from '../../../docker/engine/engine.js';
import { clientEnv } from '../../../docker/gateway/client-env.js';
import { containerName, type Owner } from '../../../docker/gateway/owner.js';
import { placedGateways } from '../../../docker/gateway/placement.js';
import type { Logger } from '../../../proxy/policy/logger.js';
import type { OperatorPolicy } from '../../../proxy/policy/policy.js';
import type { Config } from '../../config/load.js';
import type { Outside } from '../outside.js';
import type { Promised } from '../world.js';
import type { ContainersWay } from './way.js';

/** Gateways as `run` opens them, with this node's settings. */
export function ownGateways(
  { operator, rate, gateway }: Config,
  {
    engine,
    owner,
    logger,
    image,
    promised,
  }: { engine: Engine; owner: Owner; logger: Logger; image: string; promised: Promised },
): ContainersWay {
  let placed = 'where it can be';
  const open = placedGateways({
    ...gateway,
    onPlaced: (placement) => {
      placed = placement === 'host' ? 'on this host' : 'in a container';
    },
  });
  return {
    get through() {
      return `a gateway of its own ${placed}`;
    },
    docker: engine.docker,
    owner,
    image,
    promised,
    async open({ id, domains, outside }) {
      const opened = await open({
        engine,
        owner,
        policy: { job: { job: id, allow: domains, rate }, operator: withOrigin(operator, outside) },
        logger,
      });
      const { network, names, proxy } = opened;
      const { env } = clientEnv(proxy.url);
      return {
        proxy: { host: proxy.host, port: proxy.port },
        create: {
          Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
          ...isolatedOptions(network.name, names),
          name: containerName(owner),
        },
        started: (address) => opened.setContainer(address),
        [Symbol.asyncDispose]: () => opened.close(),
      };
    },
  };
}

/**
 * The operator's rules, but that this gateway's proxy finds verify's names, and may reach verify's origin: an address for
 * documentation, which no other gateway may. What leads elsewhere (an upstream) would not find it.
 */
function withOrigin(operator: OperatorPolicy, outside: Outside | undefined): OperatorPolicy {
  if (!outside) return operator;
  const { upstream: _, ...direct } = operator;
  return {
    ...direct,
    dns: outside.dns,
    allowAddresses: [...operator.allowAddresses, `${outside.origin}/32`],
  };
}
