import type { Check } from '../check.js';
import { UNDECLARED } from '../inside/zone.js';
import type { World } from '../world.js';
import { controlOf, http, tryOf } from './make.js';
import { passed } from './proxied.js';

const GROUP = 'with names of yours';
/** A name that changes its address does so within these. */
const TIMES = 6;

/** What can be told through a proxy that finds no name and reaches no origin of verify's: one of a serve that runs. */
export function publicNameChecks(world: World): Check[] {
  const { proxy, here, publicNames } = world;
  if (!proxy) return [];
  return publicNames.flatMap((name): Check[] => {
    const control = {
      ...controlOf(world, 'job', `http://${name}/`, {
        do: 'talk',
        ...proxy,
        say: [http(`GET http://${name}/`, `Host: ${name}`)],
      }),
      passes: /^HTTP\/1\.[01] [23]/,
    };
    const other = tryOf(world, 'an undeclared name', (mark) => ({
      do: 'talk',
      ...proxy,
      say: [http(`CONNECT ${mark}.${UNDECLARED}:443`, `Host: ${mark}.${UNDECLARED}:443`)],
    }));
    const ssh = tryOf(world, `SSH in a tunnel to ${name}:443`, (mark) => ({
      do: 'talk',
      ...proxy,
      say: [http(`CONNECT ${name}:443`, `Host: ${name}:443`), `SSH-2.0-${mark}\r\n`],
    }));
    const checks: Check[] = [
      {
        group: GROUP,
        title: `beside ${name}: one that is not declared`,
        tries: [other],
        controls: [control],
        leak: passed,
      },
      {
        group: GROUP,
        title: `a tunnel to ${name} with anything but TLS and HTTP`,
        tries: [ssh],
        controls: [control],
        // What the server has to say to it comes behind the proxy's own word; a refusal has a body of its own.
        leak: ({ heard = '' }) =>
          /^HTTP\/1\.[01] 2/.test(heard) && (heard.split('\r\n\r\n')[1] ?? '').length > 0
            ? 'the server answered in the tunnel'
            : undefined,
      },
    ];
    if (here) {
      const one = tryOf(world, `http://${name}:${here.tcp}/`, (mark) => ({
        do: 'talk',
        ...proxy,
        say: [http(`GET http://${name}:${here.tcp}/${mark}`, `Host: ${name}:${here.tcp}`)],
      }));
      checks.push({
        group: GROUP,
        title: `${name}, should it lead to this host (rebinding)`,
        tries: [{ ...one, attempt: { ...one.attempt, times: TIMES } }],
        controls: [control],
      });
    }
    return checks;
  });
}
