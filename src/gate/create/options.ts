import type { Input } from '../../../admission/job.js';
import { isolatedOptions } from '../../../docker/engine/container.js';
import { clientEnv } from '../../../docker/gateway/client-env.js';
import { createOptions, type ServedGateway } from '../../service/served-gateway.js';
import { refuse } from '../refusal.js';
import { environment } from './job.js';
import type { Wanted } from './judge.js';

/** Where a container is put. */
export type Place =
  | { readonly kind: 'gateway'; readonly served: ServedGateway }
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  /** `served` is that of the other container; absent where it has no network. */
  | { readonly kind: 'container'; readonly id: string; readonly served: ServedGateway | undefined };

/** What was looked up for a create. */
export interface LookedUp {
  readonly place: Place;
  /** By the engine's names of networks. */
  readonly endpoints: Readonly<Record<string, object>>;
  /** As admission judged them. */
  readonly inputs: readonly Input[];
  readonly volumesFrom: readonly string[];
  readonly links: readonly string[];
  readonly ipc: string | undefined;
  /** Variables of the image, which some of ours are appended to. */
  readonly imageEnv: readonly string[];
  /** Of the gate, for `HostConfig.ContainerIDFile`. */
  readonly mark: string;
}

type Host = ReturnType<typeof isolatedOptions>['HostConfig'];

/** What the engine gets: the client's own, and over it what isolation needs, whatever the client or its image says. */
export function optionsOf(
  wanted: Wanted,
  found: LookedUp,
): { body: Record<string, unknown>; network: string; overridden: readonly string[] } {
  const { config, host, mounts } = wanted;
  const { place } = found;
  const ours = hostOf(place);
  const network = ours.NetworkMode as string;
  const extraHosts = [...wanted.extraHosts, ...(ours.ExtraHosts ?? [])];
  const HostConfig = {
    ...host,
    ...ours,
    CapAdd: host.CapAdd ?? [],
    CapDrop: [...new Set([...((host.CapDrop ?? []) as string[]), ...((ours.CapDrop ?? []) as string[])])],
    SecurityOpt: [...new Set([...(ours.SecurityOpt ?? []), ...((host.SecurityOpt ?? []) as string[])])],
    Sysctls: { ...(host.Sysctls as object | undefined), ...ours.Sysctls },
    PidsLimit: lower(host.PidsLimit, ours.PidsLimit),
    LogConfig: host.LogConfig ?? ours.LogConfig,
    RestartPolicy: host.RestartPolicy ?? ours.RestartPolicy,
    Binds: mounts.binds,
    Mounts: [...mounts.mounts, ...found.inputs.map(bind), ...(ours.Mounts ?? [])],
    ...(found.volumesFrom.length > 0 && { VolumesFrom: found.volumesFrom }),
    ...(found.links.length > 0 && { Links: found.links }),
    ...(found.ipc !== undefined && { IpcMode: `container:${found.ipc}` }),
    ...(extraHosts.length > 0 && { ExtraHosts: extraHosts }),
    ContainerIDFile: found.mark,
  };
  const served = place.kind === 'none' || place.kind === 'host' ? undefined : place.served;
  const env = served && proxied((config.Env ?? []) as string[], found.imageEnv, served);
  const hasEndpoints = Object.keys(found.endpoints).length > 0;
  return {
    body: {
      ...config,
      ...(env && { Env: env.list }),
      HostConfig,
      ...(hasEndpoints && { NetworkingConfig: { EndpointsConfig: found.endpoints } }),
    },
    network,
    overridden: env?.overridden ?? [],
  };
}

function hostOf(place: Place): Host {
  if (place.kind === 'gateway') return createOptions(place.served).HostConfig;
  // It may be connected to a network that it shares, where names are found by the engine's resolver.
  const { Mounts, ...host } = isolatedOptions('none').HostConfig;
  if (place.kind === 'none') return host;
  // The network, and with it these, are the other container's, or the host's.
  const { Dns, DnsOptions, DnsSearch, Sysctls, ...rest } = host;
  if (place.kind === 'host') return { ...rest, NetworkMode: 'host' };
  return { ...rest, NetworkMode: `container:${place.id}` };
}

function lower(asked: unknown, most: number | undefined): number | undefined {
  const number = Number(asked ?? 0);
  return number > 0 && (most === undefined || number < most) ? number : most;
}

function bind({ source, target, readOnly }: Input) {
  return { Type: 'bind' as const, Source: source as string, Target: target, ReadOnly: readOnly };
}

// In the order of the client, and ours behind.
function proxied(variables: readonly string[], image: readonly string[], { gateway }: ServedGateway) {
  const { env, overridden } = clientEnv(gateway.proxy.url, environment(variables), {
    image: environment(image),
    namesServed: gateway.names !== undefined,
  });
  const removed = variables.filter((pair) => !pair.includes('=') && env[pair] === undefined);
  return {
    list: [...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...removed],
    overridden,
  };
}

/** @throws GateRefusal for a name in the container's own hosts file that stands for one that the network allows. */
export function assertNoShadows(extraHosts: readonly string[], domains: readonly string[]): void {
  for (const line of extraHosts) {
    const name = (/^([^:=]*)[:=]/.exec(line)?.[1] ?? line).toLowerCase().replace(/\.$/, '');
    const shadowed = domains.find((entry) => {
      const host = entry.replace(/:\d+$/, '');
      return host.startsWith('.') ? `.${name}`.endsWith(host) : name === host;
    });
    if (shadowed !== undefined) {
      throw refuse(`HostConfig.ExtraHosts: ${name} would hide ${shadowed}, which is allowed: leave it out`);
    }
  }
}
