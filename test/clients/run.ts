/** `npm run test:clients -- [--docs] ARGUMENTS OF VITEST`: `--docs` writes the table of docs/clients.md. */
import { spawnSync } from 'node:child_process';
import { projectRoot } from '../support/engine.js';
import { provide } from './provide.js';

const given = process.argv.slice(2);
await provide();
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
