import { lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { GatewayError } from '../../../docker/engine/errors.js';
import type { LivePolicy } from './live-policy.js';

/** Ids of networks, which are the engine's. */
const NETWORK = /^[A-Za-z0-9_-]{1,128}$/;
const FILE = /^([A-Za-z0-9_-]{1,128})\.json$/;

const stored = z.strictObject({
  v: z.literal(1),
  network: z.string(),
  engine: z.string(),
  policy: z.strictObject({
    revision: z.int().min(1),
    allow: z.array(z.strictObject({ domain: z.string(), expires: z.int().exactOptional() })),
    deny: z.array(z.string()),
    rate: z.int().nullable(),
    expires: z.int().exactOptional(),
  }),
});

/**
 * The policies that are others than the labels of their networks say, which cannot be changed: a file for each, by the
 * network's id. A file is there as a whole or not at all, also after a crash of the machine.
 */
export class PolicyStore {
  readonly #folder: string;
  readonly #above: string;

  /** @param stateDirectory made when something is first written, if the folder above is there */
  constructor(stateDirectory: string) {
    this.#above = stateDirectory;
    this.#folder = join(stateDirectory, 'policies');
  }

  /**
   * @returns undefined where the labels hold.
   * @throws GatewayError where there is something that cannot be read: what it says may be less than the labels do.
   */
  async read(network: string): Promise<LivePolicy | undefined> {
    return (await this.#read(network))?.policy;
  }

  /** Settles once it is on the disk. @throws Error of the system, changing nothing */
  async write(network: string, policy: LivePolicy, engine: string): Promise<void> {
    const path = this.#path(network);
    await ownFolder(this.#above);
    await ownFolder(this.#folder);
    const text = JSON.stringify({ v: 1, network, engine, policy });
    const fresh = `${path}.new`;
    const file = await open(fresh, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
    await syncFolder(this.#folder);
  }

  /** For when the network is gone. Never throws: what stays is tidied up by the next start. */
  async remove(network: string): Promise<void> {
    const path = this.#path(network);
    await Promise.all([path, `${path}.new`].map((one) => rm(one, { force: true }).catch(() => {})));
  }

  /** Removes those of networks that an engine had and has no more. */
  async tidy(engine: { readonly id: () => Promise<string>; readonly networks: () => Promise<string[]> }) {
    const names = await readdir(this.#folder).catch(() => []);
    const ids = names.flatMap((name) => FILE.exec(name)?.[1] ?? []);
    if (ids.length === 0) return;
    const there = new Set(await engine.networks());
    const id = await engine.id();
    for (const network of ids.filter((one) => !there.has(one))) {
      const file = await this.#read(network).catch(() => undefined);
      if (file?.engine === id) await this.remove(network);
    }
  }

  async #read(network: string): Promise<z.infer<typeof stored> | undefined> {
    const path = this.#path(network);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new GatewayError(`its changed policy cannot be read: ${message}`, { cause: error });
    }
    try {
      const read = stored.parse(JSON.parse(text));
      if (read.network === network) return read;
    } catch {
      // as for that of another network
    }
    throw new GatewayError(
      `its changed policy, ${path}, is not one that this version of jobgate wrote for its network: mend it, or remove the network`,
    );
  }

  #path(network: string): string {
    if (!NETWORK.test(network)) throw new Error('unexpected: no id of a network');
    return join(this.#folder, `${network}.json`);
  }
}

/** Made where it is missing. @throws Error for one that is not this user's alone: others could widen policies. */
async function ownFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { mode: 0o700 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
  if (made) {
    await syncFolder(join(folder, '..'));
    return;
  }
  const stat = await lstat(folder);
  if (stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0) return;
  throw new Error(`${folder} is not a folder of this user's alone`);
}

/** A name in it is on the disk only then. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
