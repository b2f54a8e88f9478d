/**
 * `npm run test:clients -- [--docs] ARGUMENTS OF VITEST`: `--docs` writes the table of docs/clients.md. Exit code 75: the
 * registries do not give the clients, so nothing was tested.
 */
import { spawnSync } from 'node:child_process';
import { projectRoot } from '../support/engine.js';
import { provide } from './provide.js';
import { provideApi } from './provide-api.js';

const CANNOT_BE_HAD = 75;

const given = process.argv.slice(2);
// The test of the API's document alone needs little.
const apiAlone = given.some((one) => one.endsWith('api.test.ts'));
await (apiAlone ? provideApi() : provide().then(provideApi)).catch((error: Error) => {
  process.stderr.write(`clients: not tested, they cannot be had: ${error.message}\n`);
  process.exit(CANNOT_BE_HAD);
});
const { status } = spawnSync(
  process.execPath,
  [
    `${projectRoot}node_modules/vitest/vitest.mjs`,
    'run',
    '--project',
    'clients',
    ...given.filter((one) => one !== '--docs'),
  ],
  {
    stdio: 'inherit',
    env: { ...process.env, TEST_CLIENTS: given.includes('--docs') ? 'docs' : 'yes' },
  },
);
process.exitCode = status ?? 1;
