import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { type EnginePath, enginePaths } from '../engine/engine-path.js';
import { hasInterface } from '../host/host-net.js';

const NAME = /^(jg[-c][0-9a-f]{12})\.(\d+)\.resolv\.conf$/;

/**
 * Files that name a gateway as resolver, to be mounted as /etc/resolv.conf of its job: the engine's own would name the
 * embedded resolver, which forwards nothing from an internal network since Docker 25.0.5.
 */
export class ResolverFiles {
  readonly #folders: readonly string[];
  #enginePath: Promise<EnginePath> | undefined;

  /** @param folders the first that can be written to is used. Default: /run/jobgate, else one of this user's. */
  constructor(folders: readonly string[] = usualFolders()) {
    this.#folders = folders;
  }

  /** @returns where the engine finds it; undefined where it cannot be written, or the engine does not see it. */
  async write(docker: Dockerode, bridge: string, address: string): Promise<string | undefined> {
    this.#enginePath ??= enginePaths(docker);
    const enginePath = await this.#enginePath;
    for (const folder of this.#folders) {
      try {
        ownFolder(folder);
        const path = pathOf(folder, bridge);
        writeFileSync(path, `nameserver ${address}\noptions timeout:2 attempts:3\n`);
        chmodSync(path, 0o644); // whatever this process's mask: users of the job read it
        return enginePath(path);
      } catch {
        // the next one
      }
    }
    return undefined;
  }

  remove(bridge: string): void {
    for (const folder of this.#folders) {
      try {
        rmSync(pathOf(folder, bridge), { force: true });
      } catch {
        // a folder of somebody else's
      }
    }
  }

  /** Removes those of networks that are gone: of processes that were killed. */
  tidy(): void {
    const own = netns();
    if (own === undefined) return;
    for (const file of this.#folders.flatMap(list)) {
      const [, bridge = '', of] = NAME.exec(file) ?? [];
      if (of === own && !hasInterface(bridge)) this.remove(bridge);
    }
  }
}

function usualFolders(): string[] {
  const own = process.env.XDG_RUNTIME_DIR;
  return [
    '/run/jobgate',
    ...(own ? [join(own, 'jobgate')] : []),
    join(tmpdir(), `jobgate-${process.getuid?.() ?? 0}`),
  ];
}

function pathOf(folder: string, bridge: string): string {
  return join(folder, `${bridge}.${netns()}.resolv.conf`);
}

/** Bridges of other network namespaces cannot be seen to be gone. */
function netns(): string | undefined {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0];
  } catch {
    return undefined; // no Linux
  }
}

/** @throws for a folder that is not this user's: others could change what jobs read. */
function ownFolder(folder: string): void {
  // Not recursive: below /proc and the like that never comes back.
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o755 });
  const stat = lstatSync(folder);
  if (stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0) return;
  throw new Error(`${folder} is not this user's alone`);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
