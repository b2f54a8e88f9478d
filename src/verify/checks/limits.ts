import type { Limits } from '../../../proxy/policy/policy.js';
import type { Check } from '../check.js';
import type { Result } from '../inside/plan.js';
import type { World } from '../world.js';
import { controlOf, http, tryOf } from './make.js';

const GROUP = 'connections';
/** Beyond these a job would take more of the node than it is worth to try, or has no port left for it. */
const MOST = { connectionsPerSecond: 5_000, connections: 2_000 } as const;
/** Of a second's worth, so many are opened. */
const TIMES = 4;
/** So many more than may be open are opened, */
const BEYOND = 50;
/** within so long, s, */
const HOLD_SECONDS = 10;
/** and so much slower than they may be. */
const SLOWER = 0.9;
/** What a measurement may be off. */
const TOLERANCE = 1.1;

/** How many connections are let in, through the proxy and to verify's own origin. */
export function limitChecks(world: World): Check[] {
  const { proxy, outside, limits } = world;
  if (!proxy || !outside) return [];
  const { connections, connectionsPerSecond } = limits;
  const say = http(`GET http://${outside.origin}/`, `Host: ${outside.origin}`);
  const check = (title: string, more: { most: number; hold?: { perSecond: number } }) => ({
    group: GROUP,
    title,
    tries: [tryOf(world, title, { do: 'connections', ...proxy, say, ...more })],
    controls: [
      {
        ...controlOf(world, 'job', 'one connection', { do: 'talk', ...proxy, say: [say] }),
        passes: /^HTTP\/1\.[01] (?!429|503)/,
      },
    ],
    counts: () => false,
  });
  const perSecond = connectionsPerSecond * SLOWER;
  const most = connections + BEYOND;
  const checks: Check[] = [];
  if (connections <= MOST.connections && most / perSecond <= HOLD_SECONDS) {
    checks.push({
      ...check(`open at once, at most ${connections}`, { most, hold: { perSecond } }),
      leak: ({ served = 0 }) => (served > connections ? `${served} were` : undefined),
      shows: ({ served, opened }) => `${served} of ${opened} were`,
    });
  }
  if (connectionsPerSecond <= MOST.connectionsPerSecond) {
    checks.push({
      ...check(`new ones, at most ${connectionsPerSecond} per second`, {
        most: connectionsPerSecond * TIMES,
      }),
      leak: (result) => tooMany(result, limits),
      shows: served,
    });
  }
  return checks;
}

/** More than as many per second and a second's worth at once. */
export function tooMany(
  result: Pick<Result, 'served' | 'opened' | 'ms' | 'outcome'>,
  { connectionsPerSecond }: Pick<Limits, 'connectionsPerSecond'>,
): string | undefined {
  const promised = connectionsPerSecond * (1 + result.ms / 1000);
  return (result.served ?? 0) > promised * TOLERANCE ? served(result) : undefined;
}

function served({ outcome, served, opened, ms }: Pick<Result, 'served' | 'opened' | 'ms' | 'outcome'>) {
  const seconds = `${(ms / 1000).toFixed(1)} s`;
  return outcome === 'answered'
    ? `all ${served} that could be opened in ${seconds} were let in`
    : `${served} of ${opened} were let in, within ${seconds}`;
}
