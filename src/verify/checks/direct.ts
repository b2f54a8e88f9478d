import type { Check } from '../check.js';
import type { Result } from '../inside/plan.js';
import { UNDECLARED } from '../inside/zone.js';
import { OUTSIDE_TCP, OUTSIDE_UDP } from '../outside.js';
import type { World } from '../world.js';
import { controlOf, missing, tryOf } from './make.js';

const GROUP = 'the outside, directly';
/** Metadata services of clouds, on a link-local address and a private one. */
const METADATA = ['169.254.169.254', 'fd00:ec2::254'];

export function directChecks(world: World): Check[] {
  const { outside } = world;
  const titles = ['TCP', 'UDP', 'QUIC (UDP 443)', 'DNS', 'ICMP', 'metadata services'];
  if (!outside) return titles.map((title) => missing(GROUP, title, 'nothing stands for the outside here'));
  const { origin, origin6, dns, linkLocal } = outside;
  const tcp = (host: string, port: number) => tryOf(world, `TCP ${host}:${port}`, { do: 'tcp', host, port });
  const udp = (host: string, port: number) => tryOf(world, `UDP ${host}:${port}`, { do: 'udp', host, port });
  const here = (kind: 'tcp' | 'udp', host: string, port: number) =>
    controlOf(world, 'here', `${kind.toUpperCase()} ${host}:${port}`, { do: kind, host, port });
  const ask = (over: 'udp' | 'tcp') => (mark: string) =>
    ({ do: 'dns', host: dns, port: 53, name: `${mark}.${UNDECLARED}`, over }) as const;
  const checks: Check[] = [
    {
      group: GROUP,
      title: 'TCP',
      tries: OUTSIDE_TCP.map((port) => tcp(origin, port)),
      controls: [here('tcp', origin, 80)],
    },
    {
      group: GROUP,
      title: 'UDP',
      tries: OUTSIDE_UDP.filter((port) => port !== 443).map((port) => udp(origin, port)),
      controls: [here('udp', origin, 123)],
    },
    {
      group: GROUP,
      title: 'QUIC (UDP 443)',
      tries: [udp(origin, 443)],
      controls: [here('udp', origin, 443)],
    },
    {
      group: GROUP,
      title: 'DNS',
      tries: [tryOf(world, `DNS ${dns}`, ask('udp')), tryOf(world, `DNS ${dns}, TCP`, ask('tcp'))],
      controls: [controlOf(world, 'here', `DNS ${dns}`, ask('udp'))],
    },
    {
      group: GROUP,
      title: 'ICMP',
      tries: [tryOf(world, `ping ${origin}`, { do: 'ping', host: origin })],
      controls: [controlOf(world, 'here', `ping ${origin}`, { do: 'ping', host: origin })],
    },
    {
      group: GROUP,
      title: 'metadata services',
      tries: [linkLocal, ...METADATA].map((host) => tcp(host, 80)),
      controls: [here('tcp', linkLocal, 80)],
      leak: anything,
    },
  ];
  if (origin6) {
    checks.push({
      group: GROUP,
      title: 'IPv6',
      tries: [
        tcp(origin6, 80),
        udp(origin6, 443),
        tryOf(world, `ping ${origin6}`, { do: 'ping', host: origin6 }),
      ],
      controls: [here('tcp', origin6, 80), here('udp', origin6, 443)],
    });
  }
  return checks;
}

/** A service that is really there has no word of ours. */
const anything = ({ outcome, detail }: Result) =>
  outcome === 'reached' || outcome === 'answered' ? detail : undefined;
