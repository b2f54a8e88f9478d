import type { Check, Control } from '../check.js';
import type { World } from '../world.js';
import { framesCheck } from './frames.js';
import { http, tryOf } from './make.js';

const GROUP = 'another job';

export function neighbourChecks(world: World): Check[] {
  const { neighbour } = world;
  if (!neighbour) return [];
  const { address, tcp, udp, self, proxy } = neighbour;
  // These it made before the job began.
  const itself = (kind: 'tcp' | 'udp' | 'ping'): Control[] => [
    {
      name: kind === 'ping' ? `ping ${address}` : `${kind.toUpperCase()} ${address}`,
      from: 'neighbour',
      attempt: { do: 'ping', host: address, mark: self[kind] },
    },
  ];
  const checks: Check[] = [
    {
      group: GROUP,
      title: 'TCP',
      tries: [tryOf(world, `TCP ${address}:${tcp}`, { do: 'tcp', host: address, port: tcp })],
      controls: itself('tcp'),
    },
    {
      group: GROUP,
      title: 'UDP',
      tries: [tryOf(world, `UDP ${address}:${udp}`, { do: 'udp', host: address, port: udp })],
      controls: itself('udp'),
    },
    {
      group: GROUP,
      title: 'ICMP',
      tries: [tryOf(world, `ping ${address}`, { do: 'ping', host: address })],
      controls: itself('ping'),
    },
    framesCheck(world, GROUP, udp, [[address, `UDP ${address}`]], itself('udp')),
  ];
  if (proxy) {
    const asked = tryOf(world, `its proxy ${proxy.host}:${proxy.port}`, (mark) => ({
      do: 'talk',
      ...proxy,
      say: [http(`GET http://${mark}.invalid/`, `Host: ${mark}.invalid`)],
    }));
    checks.push({
      group: GROUP,
      title: 'its proxy',
      tries: [asked],
      controls: [
        {
          ...asked,
          from: 'neighbour',
          attempt: { ...asked.attempt, mark: self.proxy },
          passes: /^HTTP\/1/,
        },
      ],
      leak: ({ outcome, detail, heard }) =>
        outcome === 'answered' || outcome === 'reached' ? (heard?.split('\r\n', 1)[0] ?? detail) : undefined,
    });
  }
  return checks;
}
