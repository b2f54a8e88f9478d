/** Tells which mutants a test file comes to, once it is over. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect } from 'vitest';
import { nodeHttp } from '../../vitest.config.js';

export interface Covered {
  /** `FILE@PROJECT`. */
  readonly file: string;
  readonly ids: readonly string[];
  /** Those of them that it came to on import: files of the same process that import the same come there no more. */
  readonly onImport: readonly string[];
}

interface Told {
  mutantCoverage?: { static: Record<string, number> };
}

const folder = process.env.MUTATION_COVERAGE;
if (folder !== undefined) {
  const own = globalThis as { __stryker__?: Told };
  const told = own.__stryker__ ?? {};
  own.__stryker__ = told;
  // Files of a process share what they import: what one came to is not the next one's.
  if (told.mutantCoverage) told.mutantCoverage.static = {};
  const ids = () => Object.keys(told.mutantCoverage?.static ?? {});
  let onImport: string[] = [];
  beforeAll(() => {
    onImport = ids();
  });
  afterAll(() => {
    const covered: Covered = {
      file: `${expect.getState().testPath}@${process.env.JOBGATE_TEST_NODE_HTTP ? nodeHttp.name : 'unit'}`,
      ids: ids(),
      onImport,
    };
    writeFileSync(`${folder}/${randomUUID()}`, JSON.stringify(covered));
  });
}
