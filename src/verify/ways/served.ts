import type { Engine } from '../../../docker/engine/engine.js';
import { containerName, type Owner } from '../../../docker/gateway/owner.js';
import type { ApiClient } from '../../client/client.js';
import type { GatewayView } from '../../service/served-gateway.js';
import type { Promised } from '../world.js';
import { type ContainersWay, proxyAt } from './way.js';

/** Gateways of a serve that runs, as a node's daemon asks for them. */
export function servedGateways(
  client: ApiClient,
  at: string,
  { engine, owner, image, promised }: { engine: Engine; owner: Owner; image: string; promised: Promised },
): ContainersWay {
  return {
    through: `the serve at ${at}`,
    docker: engine.docker,
    owner,
    image,
    promised,
    async open({ id, domains }) {
      const body = { jobId: id, network: { Domains: domains } };
      const view = await client.ask<GatewayView>('/v1/gateways', { method: 'POST', body });
      return {
        proxy: proxyAt(view.proxy.url),
        create: {
          Env: Object.entries(view.env).map(([name, value]) => `${name}=${value}`),
          ...view.create,
          name: containerName(owner),
        },
        async [Symbol.asyncDispose]() {
          await client.ask(`/v1/gateways/${view.id}`, { method: 'DELETE' });
        },
      };
    },
  };
}
