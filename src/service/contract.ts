import { realpathSync } from 'node:fs';
import type Dockerode from 'dockerode';
import { isolatedOptions } from '../../docker/engine/container.js';

/** Capabilities of Docker's default set and beyond that undo the isolation of a network. */
const FORBIDDEN = ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN', 'SYS_MODULE', 'SYS_PTRACE'];
/** Of these, what a container has unless it is dropped. */
const BY_DEFAULT = new Set(['NET_RAW']);

interface ContractOptions {
  /** Name of the gateway's network. */
  readonly network: string;
  /** Other isolated networks on which it may be as well, each with the address of its gateway where that answers names. */
  readonly also?: readonly { readonly network: string; readonly names?: string | undefined }[];
  /** Address of the gateway, where it answers names. */
  readonly names?: string | undefined;
  /** Paths on the node through which a container would rule it: the engine's socket and our own. */
  readonly sockets: readonly string[];
}

/**
 * What of a container on an isolated network lets it get round that, a sentence each; empty where it keeps the
 * contract that `isolatedOptions` states. Nothing of it is read from labels.
 */
export function contractBreaches(info: Dockerode.ContainerInspectInfo, options: ContractOptions): string[] {
  const { HostConfig: host, NetworkSettings: settings } = info;
  const breaches: string[] = [];
  const others = Object.keys(settings?.Networks ?? {}).filter(
    (name) => name !== options.network && !options.also?.some(({ network }) => network === name),
  );
  if (others.length > 0) breaches.push(`it is on another network as well: ${others.join(', ')}`);
  if (host.Privileged) breaches.push('it is privileged');
  else {
    for (const name of FORBIDDEN) {
      if (hasCapability(host, name)) breaches.push(`it has ${name}: create it with --cap-drop ${name}`);
    }
  }
  // One that answers nothing is as good: a daemon may give its containers no resolver.
  const dead = isolatedOptions(options.network).HostConfig.Dns;
  const named = [options.names, ...(options.also ?? []).map(({ names }) => names)];
  const resolvers = [...named.flatMap((one) => (one === undefined ? [] : [[one]])), dead];
  if (!resolvers.some((one) => sameList(host.Dns, one))) {
    breaches.push(`it has another DNS server than ${resolvers.flat().join(' or ')}: ${shown(host.Dns)}`);
  }
  if (host.PidMode === 'host') breaches.push("it is in the host's PID namespace");
  if (/^container:/.test(host.PidMode ?? '')) breaches.push("it is in another container's PID namespace");
  for (const source of sources(info).flatMap((path) => [path, realPath(path)])) {
    const socket = options.sockets.find((path) => path === source || path.startsWith(below(source)));
    if (socket) breaches.push(`it mounts ${source}, where ${socket} is`);
  }
  return [...new Set(breaches)];
}

function hasCapability(host: Dockerode.HostConfig, name: string): boolean {
  const plain = (list: unknown) =>
    ((list ?? []) as string[]).map((capability) => capability.toUpperCase().replace(/^CAP_/, ''));
  const [added, dropped] = [plain(host.CapAdd), plain(host.CapDrop)];
  // As the engine reads them: what is added beats what is dropped, except that ALL is less what is dropped by name.
  if (added.includes('ALL')) return !dropped.includes(name);
  if (added.includes(name)) return true;
  return BY_DEFAULT.has(name) && !dropped.includes(name) && !dropped.includes('ALL');
}

function sources(info: Dockerode.ContainerInspectInfo): string[] {
  return (info.Mounts ?? []).flatMap(({ Type, Source }) => (Type === 'bind' && Source ? [Source] : []));
}

// The engine may be elsewhere, and the path not here.
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const below = (path: string) => (path.endsWith('/') ? path : `${path}/`);
const shown = (list: readonly string[] | null | undefined) => list?.join(', ') || "the engine's own";

function sameList(a: readonly string[] | null | undefined, b: readonly string[] | undefined): boolean {
  return JSON.stringify(a ?? []) === JSON.stringify(b ?? []);
}
