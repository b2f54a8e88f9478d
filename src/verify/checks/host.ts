import { networkInterfaces } from 'node:os';
import type { Check } from '../check.js';
import { KNOWN_INSIDE } from '../inside/plan.js';
import type { World } from '../world.js';
import { ALL_NODES, FRAMES, framesCheck } from './frames.js';
import { controlOf, missing, tryOf } from './make.js';

const GROUP = 'this host, on each of its addresses';
const BOUND = 'UDP, bound to the device';

export function hostChecks(world: World): Check[] {
  const { here, published } = world;
  const titles = ['TCP', 'UDP', 'ICMP', BOUND, 'forged source addresses', FRAMES];
  if (!here) return titles.map((title) => missing(GROUP, title, "the engine's host is another one"));
  // What the job sees of this host may have an address that no interface has here.
  const seen = [...here.addresses, KNOWN_INSIDE.gateway];
  const nameOf = (host: string) => (host === KNOWN_INSIDE.gateway ? "the network's own end" : host);
  const over = (kind: 'tcp' | 'udp', title: string, port: number, which = (_: string) => true): Check => ({
    group: GROUP,
    title,
    tries: seen
      .filter(which)
      .map((host) => tryOf(world, `${nameOf(host)}:${port}`, { do: kind, host, port })),
    controls: here.addresses
      .filter(which)
      .map((host) => controlOf(world, 'here', `${host}:${port}`, { do: kind, host, port })),
  });
  const [first = '127.0.0.1'] = here.addresses;
  // That of another container, where it has a way back, or one for benchmarks (RFC 2544).
  const source = world.neighbour?.address ?? '198.18.0.1';
  const forged = (host: string) => ({ do: 'forge', host, port: here.udp, source }) as const;
  const bound = (host: string) => ({ do: 'bound', host, port: here.udp }) as const;
  const datagrams = over('udp', 'UDP', here.udp);
  const framed = [...seen, ALL_NODES].map((host) => [host, nameOf(host)] as const);
  return [
    over('tcp', 'TCP', here.tcp),
    datagrams,
    {
      group: GROUP,
      title: 'ICMP',
      tries: seen.map((host) => tryOf(world, `ping ${nameOf(host)}`, { do: 'ping', host })),
      controls: here.addresses.map((host) => controlOf(world, 'here', `ping ${host}`, { do: 'ping', host })),
    },
    {
      group: GROUP,
      title: BOUND,
      tries: seen.filter(isIpv4).map((host) => tryOf(world, `${nameOf(host)}:${here.udp}`, bound(host))),
      // Nothing is sent by a device that is down, as Docker's own bridge is while nobody is on it.
      controls: here.addresses
        .filter((host) => isIpv4(host) && !isDown(host))
        .map((host) => controlOf(world, 'here', `${host}:${here.udp}`, bound(host))),
    },
    ...(published ? [over('tcp', "another container's published port", published.tcp, isIpv4)] : []),
    {
      group: GROUP,
      title: 'forged source addresses',
      tries: seen.filter(isIpv4).map((host) => tryOf(world, `UDP ${nameOf(host)}`, forged(host))),
      controls: [controlOf(world, 'here', `a raw socket, to ${first}`, { ...forged(first), source: first })],
    },
    framesCheck(world, GROUP, here.udp, framed, datagrams.controls),
  ];
}

const isIpv4 = (host: string) => !host.includes(':');

/** Node lists addresses of devices that run alone. */
const isDown = (host: string) =>
  !Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === host));
