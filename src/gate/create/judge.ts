import { isRecord } from '../../../admission/known-keys.js';
import { quote } from '../../../admission/problem.js';
import { judged, texts } from '../fields.js';
import { refuse } from '../refusal.js';
import { CONTAINER_FIELDS } from './container-fields.js';
import { type Endpoint, readEndpoints } from './endpoints.js';
import { HOST_FIELDS } from './host-fields.js';
import { readBinds, readMounts, type WantedMounts } from './mounts.js';

/** The network that a container asks for. */
export type WantedNetwork =
  /** One of its own, or none: its labels and the operator say. */
  | { readonly kind: 'own' }
  | { readonly kind: 'none' }
  /** The host's own, which nothing enforces. */
  | { readonly kind: 'host' }
  | { readonly kind: 'named'; readonly name: string }
  /** That of another container. */
  | { readonly kind: 'container'; readonly container: string };

/** A create as it was judged: what is passed on as it is, and what has to be looked up first. */
export interface Wanted {
  readonly config: Readonly<Record<string, unknown>>;
  readonly host: Readonly<Record<string, unknown>>;
  readonly network: WantedNetwork;
  /** By the client's names of networks, without those of the default one. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly mounts: WantedMounts;
  readonly volumesFrom: readonly { readonly container: string; readonly mode: string }[];
  readonly ipc: { readonly container: string } | undefined;
  readonly links: readonly string[];
  readonly extraHosts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

interface JudgeOptions {
  /** Runtimes that may be named. */
  readonly runtimes: readonly string[];
}

/** Names of Docker's own network for whoever names none. */
const DEFAULTS = ['', 'default', 'bridge'];

/** Judges the body of a create, without asking anybody. @throws GateRefusal */
export function judgeCreate(body: Readonly<Record<string, unknown>>, { runtimes }: JudgeOptions): Wanted {
  const config = judged(CONTAINER_FIELDS, body);
  const given = body.HostConfig ?? {};
  if (!isRecord(given)) throw refuse('HostConfig must be an object');
  const { Binds, Mounts, NetworkMode, VolumesFrom, IpcMode, Links, ExtraHosts, ...host } = judged(
    HOST_FIELDS,
    given,
    'HostConfig',
  );
  const mounts: WantedMounts = { host: [], volumes: [], binds: [], mounts: [] };
  readBinds(Binds, 'HostConfig.Binds', mounts);
  readMounts(Mounts, 'HostConfig.Mounts', mounts);
  const { Runtime: runtime } = host;
  if (runtime && !runtimes.includes(String(runtime))) {
    throw refuse(`HostConfig.Runtime: ${quote(runtime)} is none that the operator names in Gate.Runtimes`);
  }
  const network = config.NetworkDisabled === true ? ({ kind: 'none' } as const) : readNetwork(NetworkMode);
  const labels = (config.Labels ?? {}) as Record<string, string>;
  const reserved = Object.keys(labels).find((name) => name.startsWith('io.jobgate.'));
  if (reserved !== undefined) throw refuse(`Labels: ${quote(reserved)} is jobgate's own: choose another`);
  return {
    config,
    host,
    network,
    endpoints: endpointsOf(network, readEndpoints(body.NetworkingConfig)),
    mounts,
    volumesFrom: ((texts(VolumesFrom, 'HostConfig.VolumesFrom') ?? []) as string[]).map(volumesFrom),
    ipc: readIpc(IpcMode, host as Record<string, unknown>),
    links: (texts(Links, 'HostConfig.Links') ?? []) as string[],
    extraHosts: (ExtraHosts ?? []) as string[],
    labels,
  };
}

function readNetwork(mode: unknown): WantedNetwork {
  if (mode !== undefined && mode !== null && typeof mode !== 'string') {
    throw refuse('HostConfig.NetworkMode must be text');
  }
  const name = mode ?? '';
  if (DEFAULTS.includes(name)) return { kind: 'own' };
  if (name === 'none' || name === 'host') return { kind: name };
  const container = /^container:(.*)$/s.exec(name)?.[1];
  if (container !== undefined) return { kind: 'container', container };
  if (name.includes(':')) throw refuse(`HostConfig.NetworkMode: ${quote(name)} is no network`);
  return { kind: 'named', name };
}

/** Of a container on a network of its own, nothing is to be said about the default one. */
function endpointsOf(network: WantedNetwork, endpoints: Map<string, Endpoint>): Map<string, Endpoint> {
  for (const name of DEFAULTS) endpoints.delete(name);
  for (const name of endpoints.keys()) {
    if (
      name === 'none' ||
      name === 'host' ||
      network.kind === 'none' ||
      network.kind === 'host' ||
      network.kind === 'container'
    ) {
      throw refuse(
        `NetworkingConfig.EndpointsConfig: ${quote(name)} contradicts HostConfig.NetworkMode: name one of them`,
      );
    }
  }
  return endpoints;
}

function volumesFrom(text: string): { container: string; mode: string } {
  const [container = '', mode = '', ...more] = text.split(':');
  if (more.length === 0 && ['', 'ro', 'rw'].includes(mode)) return { container, mode };
  throw refuse(`HostConfig.VolumesFrom: ${quote(text)} is not as CONTAINER[:ro]`);
}

function readIpc(mode: unknown, host: Record<string, unknown>): { container: string } | undefined {
  if (mode === undefined || mode === null || mode === '') return undefined;
  const container = typeof mode === 'string' ? /^container:(.*)$/s.exec(mode)?.[1] : undefined;
  if (container !== undefined) return { container };
  if (!['private', 'none', 'shareable'].includes(String(mode))) {
    throw refuse(`HostConfig.IpcMode: ${quote(mode)} leads out of the container: leave it out`);
  }
  host.IpcMode = mode;
  return undefined;
}
