import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.js';
import { type Config, loadConfig } from '../../../src/config/load.js';

export interface Sources {
  /** Texts of files, the later over the earlier: `node.yaml`, `1.yaml` and so on. */
  readonly yaml?: string | readonly string[];
  readonly env?: Record<string, string>;
  /** Of `--config`. */
  readonly config?: readonly string[];
  readonly flags?: object;
}

/** Loads configurations from a folder that is there while the tests of a file run. */
export function configFolder() {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const inFolder = (name: string) => join(folder, name);
  /** Writes a file there. @returns its path */
  const file = (name: string, text: string) => {
    writeFileSync(inFolder(name), text);
    return inFolder(name);
  };
  const load = ({ yaml = [], env = {}, config = [], flags = {} }: Sources): Promise<Config> => {
    const files = [yaml].flat().map((text, index) => file(`${index === 0 ? 'node' : index}.yaml`, text));
    return loadConfig({ env, flags: { ...flags, config: [...files, ...config] } });
  };
  /** What is wrong, with the folder left out; nothing where all is well. */
  const problems = async (sources: Sources): Promise<readonly string[]> => {
    try {
      await load(sources);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.problems.map((problem) => problem.replaceAll(`${folder}/`, ''));
    }
    return [];
  };
  return { inFolder, file, load, problems };
}
