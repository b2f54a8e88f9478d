import type { Check } from '../check.js';
import { MAX_BYTES, type Result } from '../inside/plan.js';
import type { World } from '../world.js';
import { http, tryOf } from './make.js';

const GROUP = 'the rate';
const CONNECTIONS = 8;
/** So long a direction is measured at its rate, s. */
const SECONDS = 2.5;
/** What a measurement may be off. */
const TOLERANCE = 1.1;

/** Through the proxy, over many connections to verify's own origin. */
export function rateChecks(world: World): Check[] {
  const { proxy, outside, rate, burst } = world;
  if (!proxy || !outside || rate === null) return [];
  const bytes = Math.min(MAX_BYTES, Math.ceil((rate / 8) * SECONDS) + burst);
  const say = {
    down: http(`GET http://${outside.origin}/bytes/BYTES`, `Host: ${outside.origin}`),
    up: http(`POST http://${outside.origin}/`, `Host: ${outside.origin}`, 'Content-Length: BYTES'),
  };
  return (['down', 'up'] as const).map((direction): Check => {
    const title = `${direction}load over ${CONNECTIONS} connections, at ${inMbit(rate)}`;
    const one = tryOf(world, `${direction}load`, {
      do: 'transfer',
      ...proxy,
      say: say[direction],
      connections: CONNECTIONS,
      bytes,
      up: direction === 'up',
    });
    // That all came is the control; the rate is what is judged.
    return {
      group: GROUP,
      title,
      tries: [one],
      controls: [{ ...one, from: 'job' }],
      counts: () => false,
      leak: (result) => tooFast(result, rate, burst),
      shows: (result) => inMbit(measured(result, burst)),
    };
  });
}

/** @param rate bit/s @param burst bytes */
export function tooFast(result: Result, rate: number, burst: number): string | undefined {
  if (result.outcome !== 'reached') return undefined;
  const found = measured(result, burst);
  return found > rate * TOLERANCE ? inMbit(found) : undefined;
}

/** bit/s */
const measured = ({ bytes = 0, ms }: Result, burst: number) => ((bytes - burst) * 8 * 1000) / ms;

const inMbit = (rate: number) => `${(rate / 1e6).toFixed(1)} Mbit/s`;
