import type { Check, Control, Named } from '../check.js';
import { KNOWN_INSIDE } from '../inside/plan.js';
import { UNDECLARED } from '../inside/zone.js';
import type { World } from '../world.js';
import { controlOf, missing, tryOf } from './make.js';
import { resolvedControl } from './proxied.js';

const GROUP = 'names';
/** The engine's resolver in containers on networks of their own. */
const EMBEDDED = '127.0.0.11';

export function nameChecks(world: World): Check[] {
  const title = 'a name that is not declared, asked of every resolver';
  if (!world.outside) return [missing(GROUP, title, 'no name server can watch here')];
  const { dns } = world.outside;
  const servers = [
    [KNOWN_INSIDE.resolvers, 'the resolver of resolv.conf'],
    [EMBEDDED, "the engine's resolver"],
    [KNOWN_INSIDE.gateway, "the network's own end"],
    ...(world.here?.addresses ?? []).map((address) => [address, address] as const),
  ] as const;
  const ask =
    (host: string, over: 'udp' | 'tcp', prefix = '') =>
    (mark: string) =>
      ({ do: 'dns', host, port: 53, name: `${prefix}${mark}.${UNDECLARED}`, over }) as const;
  const tries: Named[] = servers.flatMap(([host, name]) => [
    tryOf(world, name, ask(host, 'udp')),
    tryOf(world, `${name}, TCP`, ask(host, 'tcp')),
  ]);
  tries.push(
    tryOf(world, 'as programs ask', (mark) => ({ do: 'lookup', name: `${mark}.${UNDECLARED}` })),
    tryOf(world, 'data in labels', ask(KNOWN_INSIDE.resolvers, 'udp', `${'x'.repeat(60)}.`)),
  );
  const { proxy } = world;
  const seen: Control = proxy
    ? resolvedControl(world, proxy)
    : controlOf(world, 'here', `DNS ${dns}`, ask(dns, 'udp'));
  const unwatched = !world.watchesResolvers && {
    missing: 'where its resolvers pass questions on to is not known',
  };
  return [{ group: GROUP, title, tries, controls: [seen], ...unwatched }];
}
