import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fetchDebianBinaries } from './debian-binary.js';
import { projectRoot } from './engine.js';
import { fetchGateClients } from './gate-clients.js';
import { canShard, runShards, type Shard } from './shards.js';

/**
 * `npm test`: all tests, the end-to-end ones in parts side by side; and `npm test -- ARGS`: `vitest run ARGS`.
 * `--reporter=…` and `--outputFile.json=FILE` (a report of the whole, as vitest's JSON reporter writes it) go with either.
 */
const given = process.argv.slice(2);
const FILE = '--outputFile.json=';
const VITEST = `${projectRoot}node_modules/vitest/vitest.mjs`;
const isReport = (arg: string) => arg.startsWith('--reporter=') || arg.startsWith(FILE);

/** What `--shard` makes of the files is even enough, and needs no table of how long each takes. */
const PARTS: readonly (readonly [project: string, of: number])[] = [
  ['e2e', 3],
  ['e2e-container', 2],
];
/** They wait more than they work. */
const AT_ONCE = availableParallelism() + 3;

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly duration?: number | null }[];
  }[];
}

if (given.every(isReport) && canShard()) {
  process.exitCode = await runAll(given.find((arg) => arg.startsWith(FILE))?.slice(FILE.length));
} else {
  process.exitCode = spawnSync(process.execPath, [VITEST, 'run', ...given], { stdio: 'inherit' }).status ?? 1;
}

async function runAll(file: string | undefined): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-tests-'));
  try {
    const shard = (name: string, ...args: string[]): Shard => ({
      name: name.padEnd(17),
      command: [
        VITEST,
        'run',
        '--reporter=default',
        '--reporter=json',
        `${FILE}${join(folder, `${name.replaceAll(/\W/g, '-')}.json`)}`,
        ...args,
      ],
    });
    const units = [shard('unit', '--project=unit', '--project=unit-node-http')];
    const parts = PARTS.flatMap(([project, of]) =>
      Array.from({ length: of }, (_, i) =>
        shard(`${project} ${i + 1}/${of}`, `--project=${project}`, `--shard=${i + 1}/${of}`),
      ),
    );
    await fetchDebianBinaries();
    await fetchGateClients();
    // The unit tests keep the cores busy; the others wait for engines and containers.
    const codes = [...(await runShards(units, 1)), ...(await runShards(parts, AT_ONCE))];
    const reports = [...units, ...parts].flatMap(({ command }) => {
      const path = command.find((arg) => arg.startsWith(FILE))?.slice(FILE.length) ?? '';
      try {
        return [JSON.parse(readFileSync(path, 'utf8'))];
      } catch {
        return []; // it ended before it had one; its exit code tells
      }
    });
    sayTheSlowest(reports);
    if (file) writeFileSync(file, JSON.stringify(joined(reports)));
    return codes.find((code) => code !== 0) ?? 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The numbers are added, the lists joined. */
function joined(reports: readonly Record<string, unknown>[]): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const [key, value] of reports.flatMap((report) => Object.entries(report))) {
    if (key.startsWith('num')) all[key] = Number(all[key] ?? 0) + Number(value);
    else if (Array.isArray(value)) all[key] = [...((all[key] as unknown[]) ?? []), ...value];
    else if (key === 'success') all[key] = all[key] !== false && value;
    else all[key] ??= value;
  }
  return all;
}

function sayTheSlowest(reports: readonly Report[]): void {
  const tests = reports
    .flatMap(({ testResults }) => testResults)
    .flatMap(({ name, assertionResults }) =>
      assertionResults.map(({ fullName, duration }) => ({
        ms: duration ?? 0,
        name: `${relative(projectRoot, name)}: ${fullName}`,
      })),
    )
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 20);
  process.stdout.write('\nthe slowest 20\n');
  for (const { ms, name } of tests)
    process.stdout.write(`${(ms / 1000).toFixed(1).padStart(7)} s  ${name}\n`);
}
