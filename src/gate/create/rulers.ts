import { realpathSync } from 'node:fs';
import type { Input } from '../../../admission/job.js';
import { quote } from '../../../admission/problem.js';
import type { Gate } from '../exchange.js';
import { refuse } from '../refusal.js';

/**
 * Also below a directory that the operator allows, nothing is mounted that has a socket in it by which a container would
 * rule the node, or the engine's data.
 *
 * @param inputs by their real paths.
 * @throws GateRefusal
 */
export async function assertNoRulers(inputs: readonly Input[], { service, asks }: Gate): Promise<void> {
  if (inputs.length === 0) return;
  const { DockerRootDir: data } = await asks.read<{ DockerRootDir?: string }>('GET', '/info');
  const paths = [...service.sockets, ...(data ? [data] : [])].flatMap((path) => [path, real(path)]);
  for (const { source = '' } of inputs) {
    const held = paths.find((path) => isWithin(path, source));
    const holds = data && [data, real(data)].some((path) => isWithin(source, path));
    if (held === undefined && !holds) continue;
    throw refuse(`${quote(source)} is not mounted: it has ${held ?? "the engine's data"} in it`);
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

// The engine may be elsewhere, and the path not here.
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
