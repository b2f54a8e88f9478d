import type { Engine } from '../../../docker/engine/engine.js';
import { containerName, type Owner } from '../../../docker/gateway/owner.js';
import type { Promised } from '../world.js';
import { type ContainersWay, proxyAt } from './way.js';

export interface EngineWayOptions {
  readonly owner: Owner;
  readonly image: string;
  /** Of the job. Default: the engine's own. */
  readonly network?: string;
  /** Of its neighbour. Default: the job's. */
  readonly neighbourNetwork?: string;
  /** For the job's variables, where its network has a proxy. */
  readonly proxy?: string;
  readonly promised: Promised;
}

/** Whether it is jobgate's gate that answers as an engine is its labels' to say: other engines take no notice of them. */
export function anyEngine(engine: Engine, options: EngineWayOptions): ContainersWay {
  const { owner, image, network, neighbourNetwork = network, proxy, promised } = options;
  let opened = 0;
  return {
    through: `containers of the engine at ${engine.endpoint.url}${network ? `, on ${network}` : ''}`,
    docker: engine.docker,
    owner,
    image,
    promised,
    async open({ id, domains, outside }) {
      const isNeighbour = opened++ === 0;
      const on = isNeighbour ? neighbourNetwork : network;
      return {
        ...(proxy && { proxy: proxyAt(proxy) }),
        create: {
          // A gate keeps the other prefix for itself.
          name: containerName(owner, 'verify'),
          Labels: { 'jobgate.domains': domains.join(','), 'jobgate.job': id },
          Env: proxy
            ? ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => `${name}=${proxy}`)
            : [],
          HostConfig: {
            ...(on !== undefined && { NetworkMode: on }),
            // Questions that the engine passes on go where they are seen.
            ...(outside && { Dns: [outside.dns] }),
          },
        },
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}
