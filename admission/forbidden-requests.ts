import { fold } from './fold.js';
import { isRecord } from './known-keys.js';
import { formatPath, type LocatedProblem, type PathSegment } from './problem.js';

/** Something that no job may ask for, whatever the node's configuration. */
export interface ForbiddenRequest {
  readonly path: string;
  /** `privileged mode`, `port mappings`, … */
  readonly what: string;
}

/** Fields of container engines and of newer or other schedulers' specs, in lower case. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  ports: 'port mappings',
  portbindings: 'port mappings',
  publish: 'port mappings',
  publishallports: 'port mappings',
  exposedports: 'port mappings',
  privileged: 'privileged mode',
  capabilities: 'added capabilities',
  capadd: 'added capabilities',
  extrahosts: 'extra hosts',
  hosts: 'extra hosts',
  dns: 'DNS servers of its own',
  networks: 'a second network',
  networkmode: 'a network mode of the engine',
  networkingconfig: 'a second network',
  devices: 'devices',
  devicerequests: 'devices',
  devicecgrouprules: 'devices',
  binds: 'mounts by the engine',
  mounts: 'mounts by the engine',
  volumes: 'mounts by the engine',
  volumesfrom: 'mounts by the engine',
  pidmode: 'a namespace of the host',
  ipcmode: 'a namespace of the host',
  utsmode: 'a namespace of the host',
  usernsmode: 'a namespace of the host',
  cgroupnsmode: 'a namespace of the host',
  cgroupparent: 'a control group of its own',
  securityopt: 'security options',
  sysctls: 'kernel parameters',
  runtime: 'a runtime of its own',
  hostconfig: 'host configuration of the engine',
};

/**
 * Finds what a spec asks for beyond what a job may have, in a spec of the current shape with canonical keys. The
 * reference has none of these fields except Ports; but a node with a newer or a patched engine may read them.
 */
export function findForbidden(spec: unknown): LocatedProblem[] {
  const found: LocatedProblem[] = [];
  if (!isRecord(spec)) return found;
  look(spec, []);
  const tasks = Array.isArray(spec.Tasks) ? spec.Tasks : [];
  for (const [index, task] of tasks.entries()) {
    if (!isRecord(task)) continue;
    const at = ['Tasks', index];
    look(task, at);
    if (isRecord(task.Network)) look(task.Network, [...at, 'Network']);
    if (isRecord(task.Engine)) {
      look(task.Engine, [...at, 'Engine']);
      if (isRecord(task.Engine.Params)) look(task.Engine.Params, [...at, 'Engine', 'Params']);
    }
    if (isRecord(task.Resources)) look(task.Resources, [...at, 'Resources']);
  }
  return found;

  function look(fields: Record<string, unknown>, at: readonly PathSegment[]): void {
    for (const [key, value] of Object.entries(fields)) {
      // Separators of other spellings: cap_add, cap-add.
      const name = fold(key).replaceAll(/[_-]/g, '');
      const what = Object.hasOwn(FORBIDDEN, name) ? FORBIDDEN[name] : undefined;
      if (what !== undefined && isAsked(value)) found.push({ segments: [...at, key], problem: what });
    }
  }
}

export function forbiddenRequest({ segments, problem }: LocatedProblem): ForbiddenRequest {
  return { path: formatPath(segments), what: problem };
}

// An empty list or a false is how Go writes that nothing was asked for.
function isAsked(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return true;
}
