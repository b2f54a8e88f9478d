import { realpathSync } from 'node:fs';
import type { Input } from '../../../admission/job.js';
import { quote } from '../../../admission/problem.js';
import type { Gate } from '../exchange.js';
import { refuse } from '../refusal.js';

/**
 * Also below a directory that the operator allows, nothing is mounted by which a container would rule the node: the
 * engine's and our own sockets, secrets and state, and the engine's data.
 *
 * @param inputs by their real paths.
 * @throws GateRefusal
 */
export async function assertNoRulers(
  inputs: readonly Input[],
  { service, asks, config }: Gate,
): Promise<void> {
  if (inputs.length === 0) return;
  const { DockerRootDir: data } = await asks.read<{ DockerRootDir?: string }>('GET', '/info');
  const { tokenFile, stateDirectory } = config.service;
  const ours = [tokenFile, stateDirectory, config.account.keyFile].filter((path) => path !== undefined);
  const paths = [...service.sockets, ...ours, ...(data ? [data] : [])].flatMap(both);
  const whole = [stateDirectory, data].filter((path) => path !== undefined).flatMap(both);
  for (const { source = '' } of inputs) {
    const held = paths.find((path) => isWithin(path, source)) ?? whole.find((path) => isWithin(source, path));
    if (held !== undefined)
      throw refuse(`${quote(source)} is not mounted: it has ${held} in it, or is in it`);
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

const both = (path: string) => [path, real(path)];

// The engine may be elsewhere, and the path not here.
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
