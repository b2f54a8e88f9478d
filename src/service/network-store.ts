import { lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { GatewayError } from '../../docker/engine/errors.js';
import { syncFolder, writeWhole } from '../whole-file.js';

/** Ids of networks, which are the engine's. */
const NETWORK = /^[A-Za-z0-9_-]{1,128}$/;
const FILE = /^([A-Za-z0-9_-]{1,128})\.json$/;

interface NetworkStoreOptions<T> {
  /** Made when something is first written, if the folder above is there. */
  readonly stateDirectory: string;
  /** The folder in it. */
  readonly folder: string;
  /** What is stored, as a field of its files, and in words. */
  readonly field: string;
  readonly what: string;
  readonly schema: z.ZodType<T>;
}

/**
 * What must outlive a restart of serve and cannot be in the labels of a network, which cannot change: a file for each, by
 * the network's id. A file is there as a whole or not at all, also after a crash of the machine.
 */
export class NetworkStore<T> {
  readonly #options: NetworkStoreOptions<T>;
  readonly #folder: string;

  constructor(options: NetworkStoreOptions<T>) {
    this.#options = options;
    this.#folder = join(options.stateDirectory, options.folder);
  }

  /**
   * @returns undefined where nothing was written.
   * @throws GatewayError where there is something that cannot be read: it may say less than nothing does.
   */
  async read(network: string): Promise<T | undefined> {
    return (await this.#read(network))?.value;
  }

  /** Settles once it is on the disk. @throws Error of the system, changing nothing */
  async write(network: string, value: T, engine: string): Promise<void> {
    const path = this.#path(network);
    await ownFolder(this.#options.stateDirectory);
    await ownFolder(this.#folder);
    const text = JSON.stringify({ v: 1, network, engine, [this.#options.field]: value });
    await writeWhole(path, text);
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

  async #read(network: string): Promise<{ readonly engine: string; readonly value: T } | undefined> {
    const path = this.#path(network);
    const { what, field, schema } = this.#options;
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw new GatewayError(`its ${what} cannot be read: ${message}`, { cause: error });
    }
    try {
      const { [field]: value, ...about } = JSON.parse(text);
      const { engine } = z
        .strictObject({ v: z.literal(1), network: z.literal(network), engine: z.string() })
        .parse(about);
      return { engine, value: schema.parse(value) };
    } catch {
      // as for that of another network
    }
    throw new GatewayError(
      `its ${what}, ${path}, is not one that this version of jobgate wrote for its network: mend it, or remove the network`,
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
