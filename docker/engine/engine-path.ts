import { readFileSync } from 'node:fs';
import type Dockerode from 'dockerode';

/** The engine's own files in a container, as this process has them mounted where it is in one. */
const OWN_FILES = /\/containers\/([0-9a-f]{64})\/(?:resolv\.conf|hostname|hosts) \/etc\//;

/** Says where the engine finds a file of this process; undefined where it sees none such. */
export type EnginePath = (path: string) => string | undefined;

/**
 * At the same path, or, where this process is in a container of the engine's, at the source of the mount that the file
 * is in.
 */
export async function enginePaths(
  docker: Dockerode,
  mountinfo = readFileSync('/proc/self/mountinfo', 'utf8'),
): Promise<EnginePath> {
  const own = OWN_FILES.exec(mountinfo)?.[1];
  if (own === undefined) return (path) => path;
  const { Mounts = [] } = await docker
    .getContainer(own)
    .inspect()
    .catch(() => ({}) as Partial<Dockerode.ContainerInspectInfo>);
  return (path) => {
    const mount = Mounts.find(({ Destination }) => path.startsWith(`${Destination}/`));
    return mount && `${mount.Source}${path.slice(mount.Destination.length)}`;
  };
}
