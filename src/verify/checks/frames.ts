import type { Check, Control } from '../check.js';
import { OUTSIDE_UDP } from '../outside.js';
import type { World } from '../world.js';
import { controlOf, tryOf } from './make.js';

export const FRAMES = 'hand-made frames';
/** All nodes on a link (RFC 4291, 2.7.1). */
export const ALL_NODES = 'ff02::1';

/** UDP in Ethernet frames made by hand, to each of these. */
export function framesCheck(
  world: World,
  group: string,
  port: number,
  hosts: readonly (readonly [host: string, name: string])[],
  controls: readonly Control[],
): Check {
  const made = frameControls(world);
  return {
    group,
    title: FRAMES,
    tries: hosts.map(([host, name]) => tryOf(world, `${name}:${port}`, { do: 'frame', host, port })),
    controls: [...controls, ...made],
    ...(made.length === 0 && { missing: 'there is no link here on which frames could be shown to arrive' }),
  };
}

/** That such frames are well made: by this host, on its link to what stands for the outside. */
function frameControls(world: World): Control[] {
  const { outside } = world;
  const [port = 0] = OUTSIDE_UDP;
  if (!outside) return [];
  const { device, origin, origin6 } = outside;
  return [origin, ...(origin6 ? [origin6] : [])].map((host) =>
    controlOf(world, 'here', `a frame to ${host}`, { do: 'frame', host, port, device }),
  );
}
