import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../whole-file.js';

interface AccountStoreOptions {
  readonly stateDirectory: string;
  /** So long after its end an account is there, ms; and so many bytes of all together, the oldest going first. */
  readonly keepMs: number;
  readonly keepBytes: number;
}

const FILE = /^[0-9a-f]{1,64}\.json$/;

/** The accounts of jobs that have ended: a file for each, by the id of its gateway. */
export class AccountStore {
  readonly #options: AccountStoreOptions;
  readonly #folder: string;
  #turn: Promise<unknown> = Promise.resolve();

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
        await this.#forgetOld();
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

  async #forgetOld(): Promise<void> {
    const { keepMs, keepBytes } = this.#options;
    const names = (await readdir(this.#folder)).filter((name) => FILE.test(name));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        const { mtimeMs, size } = await stat(path).catch(() => ({ mtimeMs: 0, size: 0 }));
        return { path, mtimeMs, size };
      }),
    );
    let bytes = 0;
    for (const { path, mtimeMs, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      bytes += size;
      if (bytes > keepBytes || mtimeMs + keepMs <= Date.now()) await rm(path, { force: true });
    }
  }

  #path(gateway: string): string {
    const name = `${gateway}.json`;
    if (!FILE.test(name)) throw new Error('unexpected: no id of a gateway');
    return join(this.#folder, name);
  }
}
