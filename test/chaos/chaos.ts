/**
 * A serve with jobs in both placements and through the gate, on an engine and a small internet of its own, and whatever may
 * go wrong with them, at random: `npm run chaos -- --minutes 30`. CONTRIBUTING.md has what is watched.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { canShard, runShards } from '../support/shards.js';
import { PLANTS } from './plants.js';
import { type SessionOptions, STEPS } from './session.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    /** Faults on purpose, after the minutes: the run must find them. */
    plant: { type: 'string', default: '' },
    /** Times in the documentation may be so many times as long. */
    patience: { type: 'string', default: '3' },
  },
});
const list = (text: string) => text.split(',').filter(Boolean);
const [only, plants] = [list(values.only), list(values.plant)];
const unknown = [...only.filter((name) => !STEPS[name]), ...plants.filter((name) => !PLANTS[name])];
const options: SessionOptions = {
  minutes: Number(values.minutes),
  seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed),
  only,
  plants,
  patience: Number(values.patience),
};
if (
  unknown.length > 0 ||
  !(options.minutes > 0) ||
  !Number.isInteger(options.seed) ||
  !(options.patience > 0)
) {
  console.error(
    `usage: [--minutes N] [--seed N] [--patience N] [--only ${Object.keys(STEPS)}] [--plant ${Object.keys(PLANTS)}]`,
  );
  process.exitCode = 64;
} else if (!canShard()) {
  console.error(
    'chaos: it needs root on Linux, network namespaces and no DOCKER_HOST: its engine is its own',
  );
  process.exitCode = 125;
} else {
  console.log(`chaos: ${options.minutes} minutes, --seed ${options.seed}`);
  const inside = fileURLToPath(new URL('inside.ts', import.meta.url));
  const command = ['--import', import.meta.resolve('tsx'), inside, JSON.stringify(options)];
  const [code = 1] = await runShards([{ name: '', command }], 1);
  process.exitCode = code;
}
