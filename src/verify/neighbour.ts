import { EngineError } from '../../docker/engine/errors.js';
import { KNOWN_INSIDE, type Plan, type Said, type Surroundings } from './inside/plan.js';
import { type Prober, startProber } from './program.js';
import type { ContainersWay, JobWish } from './ways/way.js';
import type { Marks, Neighbour } from './world.js';

/** Nothing else listens in its container. */
const PORTS = { tcp: 18080, udp: 18081 } as const;

export interface RunningNeighbour extends Neighbour, AsyncDisposable {
  readonly around: Surroundings;
  readonly over: Prober['over'];
}

/** Another job in the same way, which listens, and tries at itself what the hostile one will try at it. */
export async function runNeighbour(
  way: ContainersWay,
  wish: JobWish,
  { token, marks, waitMs }: { token: string; marks: Marks; waitMs: number },
  onSaid: (said: Said) => void,
): Promise<RunningNeighbour> {
  const place = await way.open(wish);
  const self = { tcp: marks.next(), udp: marks.next(), ping: marks.next(), proxy: marks.next() };
  const host = KNOWN_INSIDE.own;
  const plan: Plan = {
    token,
    waitMs,
    listen: { at: 'another job', addresses: ['0.0.0.0'], tcp: [PORTS.tcp], udp: [PORTS.udp] },
    attempts: [
      { do: 'tcp', host, port: PORTS.tcp, mark: self.tcp },
      { do: 'udp', host, port: PORTS.udp, mark: self.udp },
      { do: 'ping', host, mark: self.ping },
      {
        do: 'talk',
        ...(place.proxy ?? { host: KNOWN_INSIDE.proxy, port: 0 }),
        say: [`GET http://${self.proxy}.invalid/ HTTP/1.1\r\nHost: ${self.proxy}.invalid\r\n\r\n`],
        mark: self.proxy,
      },
    ],
  };
  let prober: Prober | undefined;
  const dispose = async () => {
    await prober?.[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  };
  try {
    prober = await startProber(way.docker, { image: way.image, plan, create: place.create }, onSaid);
    const around = await prober.done;
    const address = around.addresses.find((one) => !one.includes(':'));
    if (address === undefined) throw new EngineError('the neighbour has no address');
    const proxy = place.proxy ?? around.proxy;
    const { over } = prober;
    return { address, ...PORTS, self, around, over, ...(proxy && { proxy }), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
