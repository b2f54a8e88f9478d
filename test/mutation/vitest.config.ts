import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { nodeHttp } from '../../vitest.config.js';

const common = {
  setupFiles: ['test/support/patience.setup.ts', 'test/mutation/coverage.setup.ts'],
  expect: { poll: { timeout: 60_000 } },
  server: { deps: { external: [/\/node_modules\//, /\/dist\//] } },
  restoreMocks: true,
  // All at once only to see what comes to what.
  maxWorkers: process.env.MUTATION_COVERAGE ? availableParallelism() + 1 : 1,
  unstubEnvs: true,
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

/** Unit tests of what is mutated, file by file in one process; a folder of its own is the root. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{proxy,docker,src,threats}/**/*.test.ts'],
          // In a browser, with other programs, or minutes of real time: too slow for each of thousands.
          exclude: ['test/src/service/page/**', '**/real-upstreams.test.ts', '**/node_modules/**'],
          ...common,
        },
      },
      { test: { ...nodeHttp, ...common } },
    ],
  },
});
