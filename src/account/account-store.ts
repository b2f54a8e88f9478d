import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../whole-file.js';

interface AccountStoreOptions {
  readonly stateDirectory: string;
  /** So long after its end an account is there, ms; and so many bytes of all together, the oldest going first. */
  readonly keepMs: number;
  readonly keepBytes: number;
}

interface Kept {
  readonly mtimeMs: number;
  readonly size: number;
}

const FILE = /^[0-9a-f]{1,64}\.json$/;

/** The accounts of jobs that have ended: a file for each, by the id of its gateway. */
export class AccountStore {
  readonly #options: AccountStoreOptions;
  readonly #folder: string;
  #turn: Promise<unknown> = Promise.resolve();
  /** By the ids of their gateways, the oldest first. */
  #files: Map<string, Kept> | undefined;

  constructor(options: AccountStoreOptions) {
    this.#options = options;
    this.#folder = join(options.stateDirectory, 'accounts');
  }

  /** @throws Error of the system */
  write(gateway: string, text: string): Promise<void> {
    const turn = this.#turn
      .catch(() => {})
      .then(async () => {
        await mkdir(this.#folder, { recursive: true, mode: 0o700 });
        await writeWhole(this.#path(gateway), text);
        await this.#forgetOld(gateway);
      });
    this.#turn = turn;
    return turn;
  }

  /** @returns undefined where there is none, or none any more. */
  async read(gateway: string): Promise<string | undefined> {
    const path = this.#path(gateway);
    const found = await stat(path).catch(() => undefined);
    if (!found || found.mtimeMs + this.#options.keepMs <= Date.now()) return undefined;
    return readFile(path, 'utf8').catch(() => undefined);
  }

  /** What is there is looked at once: a node that has had thousands of jobs must not look at all of them for each. */
  async #forgetOld(written: string): Promise<void> {
    const { keepMs, keepBytes } = this.#options;
    this.#files ??= await this.#readAll();
    const { mtimeMs, size } = await stat(this.#path(written));
    this.#files.delete(written);
    this.#files.set(written, { mtimeMs, size });
    let bytes = [...this.#files.values()].reduce((sum, kept) => sum + kept.size, 0);
    for (const [gateway, old] of this.#files) {
      if (bytes <= keepBytes && old.mtimeMs + keepMs > Date.now()) return;
      await rm(this.#path(gateway), { force: true });
      this.#files.delete(gateway);
      bytes -= old.size;
    }
  }

  /** In the order of their time. */
  async #readAll(): Promise<Map<string, Kept>> {
    const found: [string, Kept][] = [];
    for (const name of (await readdir(this.#folder)).filter((one) => FILE.test(one))) {
      const one = await stat(join(this.#folder, name)).catch(() => undefined);
      if (one) found.push([name.slice(0, -'.json'.length), { mtimeMs: one.mtimeMs, size: one.size }]);
    }
    found.sort(([, a], [, b]) => a.mtimeMs - b.mtimeMs);
    return new Map(found);
  }

  #path(gateway: string): string {
    const name = `${gateway}.json`;
    if (!FILE.test(name)) throw new Error('unexpected: no id of a gateway');
    return join(this.#folder, name);
  }
}
