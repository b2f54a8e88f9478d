import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// CI's machines are shared and small: there, what fails once and passes at once is reported as flaky, not as failed.
const retry = process.env.CI ? 1 : 0;

/** Time-outs stop what hangs, and decide nothing: the machine may have other work. */
const patient = { setupFiles: ['test/support/patience.setup.ts'], expect: { poll: { timeout: 60_000 } } };

const endToEnd = {
  ...patient,
  retry,
  globalSetup: ['test/e2e/engine.setup.ts'],
  // One engine, one firewall: one file at a time.
  fileParallelism: false,
  testTimeout: 600_000,
  hookTimeout: 600_000,
};

const unit = {
  ...patient,
  retry,
  // A file costs as much to load as to run: those of a worker share what they import.
  isolate: false,
  server: { deps: { external: [/\/node_modules\//, /\/dist\//] } },
  restoreMocks: true,
  unstubEnvs: true,
  // Much of the time is waiting: two more than there are cores.
  maxWorkers: availableParallelism() + 2,
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

/** By itself: `npm run test:clients` fetches what it needs. */
const clients = {
  test: { name: 'clients', include: ['test/clients/**/*.test.ts'], ...endToEnd },
};

/** By itself: `npm run test:engines` starts the engine. */
const engines = {
  test: { name: 'engines', include: ['test/engines/**/*.test.ts'], ...endToEnd },
};

/** By itself: minutes of `npm run chaos`, which has an engine of its own. */
const chaos = {
  test: { name: 'chaos', include: ['test/chaos/*.test.ts'], ...patient, testTimeout: 900_000 },
};

/** Unit tests once more, for requests that Node's HTTP serves from their first byte on, as it does unusual ones. */
export const nodeHttp = {
  name: 'unit-node-http',
  include: ['test/proxy/http/*.test.ts', 'test/threats/*.test.ts', 'test/proxy/accept/limits.test.ts'],
  exclude: ['test/proxy/http/{differential,both-ways,origin-pool,web-socket}.test.ts'],
  env: { JOBGATE_TEST_NODE_HTTP: 'yes' },
};

export default defineConfig({
  test: {
    projects: [
      ...(process.env.TEST_CHAOS ? [chaos] : []),
      ...(process.env.TEST_ENGINE ? [engines] : []),
      ...(process.env.TEST_CLIENTS ? [clients] : []),
      {
        test: {
          name: 'unit',
          include: [
            'test/{proxy,admission,docker,src,threats,build,docs,lint,growth,fuzz,soak}/**/*.test.ts',
          ],
          globalSetup: ['test/support/build.setup.ts'],
          ...unit,
        },
      },
      { test: { ...nodeHttp, ...unit } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: ['test/e2e/container-*.test.ts'],
          env: { JOBGATE_GATEWAY: 'host' },
          sequence: { groupOrder: 1 },
          ...endToEnd,
        },
      },
      {
        // The same with every gateway in a container; without what tests the lock-down, or has no gateway.
        test: {
          name: 'e2e-container',
          include: ['test/e2e/**/*.test.ts'],
          exclude: [
            'test/e2e/{lockdown,lockdown-rules,foreign-rules,gateway,stage,run,pull,library,workers}.test.ts',
            // These have both placements in them, or are about what no placement changes.
            'test/e2e/{serve-engine,output-readers,clients,demo,gate-hostile,gate-clients,stock-node-alone,verify-leaks}.test.ts',
          ],
          env: { JOBGATE_GATEWAY: 'container' },
          sequence: { groupOrder: 2 },
          ...endToEnd,
        },
      },
    ],
  },
});
