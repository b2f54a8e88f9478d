import { EngineError } from '../../docker/engine/errors.js';
import { containerName } from '../../docker/gateway/owner.js';
import type { Said } from './inside/plan.js';
import { type Prober, startProber } from './program.js';
import type { ContainersWay } from './ways/way.js';

const INSIDE = 18080;

export interface Published extends AsyncDisposable {
  readonly tcp: number;
  readonly over: Prober['over'];
}

/** Somebody else's container, which publishes a port on all addresses of its host. */
export async function publishPort(
  { docker, image, owner }: Pick<ContainersWay, 'docker' | 'image' | 'owner'>,
  token: string,
  onSaid: (said: Said) => void,
): Promise<Published> {
  const prober = await startProber(
    docker,
    {
      image,
      plan: {
        token,
        waitMs: 0,
        listen: { at: 'a published port', addresses: ['0.0.0.0'], tcp: [INSIDE], udp: [] },
        attempts: [],
      },
      create: {
        name: containerName(owner),
        ExposedPorts: { [`${INSIDE}/tcp`]: {} },
        HostConfig: { PortBindings: { [`${INSIDE}/tcp`]: [{ HostPort: '' }] } },
      },
    },
    onSaid,
  );
  try {
    await prober.done;
    const { Ports } = await prober.networks();
    const tcp = Number(Ports[`${INSIDE}/tcp`]?.[0]?.HostPort);
    if (!(tcp > 0)) throw new EngineError('the engine published none');
    return { tcp, over: prober.over, [Symbol.asyncDispose]: () => prober[Symbol.asyncDispose]() };
  } catch (error) {
    await prober[Symbol.asyncDispose]();
    throw error;
  }
}
