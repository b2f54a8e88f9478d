import { defineConfig } from 'vitest/config';

/** Unit tests of what is mutated, file by file in one process; a folder of its own is the root. */
export default defineConfig({
  test: {
    include: ['test/{proxy,docker,src,threats}/**/*.test.ts'],
    // In a browser, with other programs, or minutes of real time: too slow for each of thousands.
    exclude: ['test/src/service/page/**', '**/real-upstreams.test.ts', '**/node_modules/**'],
    setupFiles: ['test/support/patience.setup.ts', 'test/mutation/coverage.setup.ts'],
    expect: { poll: { timeout: 60_000 } },
    server: { deps: { external: [/\/node_modules\//, /\/dist\//] } },
    restoreMocks: true,
    unstubEnvs: true,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
