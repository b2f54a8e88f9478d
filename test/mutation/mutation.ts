/**
 * Whether a test notices when the product's code is changed: `npm run mutation -- proxy/policy`. Each mutant is run with the unit
 * tests that come to it, those beside its file first, until one fails. What survives is told with its line, unless
 * excused.json says why it may. `--docs` writes the figures into docs/mutation.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../support/engine.js';
import { Copy } from './copy.js';
import type { Covered } from './coverage.setup.js';
import { Excused } from './excused.js';
import { type Mutant, mutantsOf } from './mutants.js';
import { countsOf, type Outcome, type Result, table, writeFigures } from './report.js';
import { Slot } from './slots.js';

const SCOPES = ['proxy/policy', 'proxy/decide', 'proxy/tunnel', 'proxy/http', 'docker/host', 'src/gate'];
const INSTRUMENTER = '@stryker-mutator/instrumenter@9.6.1';
const CACHE = join(projectRoot, 'node_modules/.cache/jobgate/mutation');
/** All tests without a mutant, ms. */
const ALL_MS = 1_800_000;
/** Of the tests that come to a mutant, those beside its file are run, and the shortest of so many ms in all. */
const FIRST_MS = 15_000;
/** Where none of them notices, others that come to it, of so many ms in all. */
const MORE_MS = 90_000;
/** What takes longer does not end, ms. */
const longest = (msWithoutMutant: number) => 10_000 + 3 * msWithoutMutant;

/** Tests of another part would find it as well, perhaps: they are too many. */
const testsFor = (file: string) => `test/${file.split('/', 1)[0]}/`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: String(availableParallelism()) },
    /** Every so many of them, for a first look. */
    each: { type: 'string', default: '1' },
    /** Which of so many: those that tests were written for once say little of the others. */
    from: { type: 'string', default: '0' },
    docs: { type: 'boolean', default: false },
  },
});
const [jobs, each, from] = [values.jobs, values.each, values.from].map(Number) as [number, number, number];
const meant = (positionals.length > 0 ? positionals : SCOPES).map((text) => {
  const [, path = '', line] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { path, line: line === undefined ? undefined : Number(line) };
});
const isMeant = (mutant: Mutant) =>
  meant.some(({ path, line }) =>
    line === undefined ? mutant.file.startsWith(path) : mutant.file === path && mutant.line === line,
  );
const listed = execFileSync('git', ['ls-files', ...meant.map(({ path }) => path)], {
  cwd: projectRoot,
  encoding: 'utf8',
});
const files = listed.split('\n').filter((file) => /\.ts$/.test(file));
if (files.length === 0 || !(jobs > 0) || !(each > from) || !(from >= 0)) {
  console.error(
    'usage: npm run mutation -- [--jobs N] [--each N [--from N]] [--docs] [FOLDER, FILE or FILE:LINE of the product…]',
  );
  process.exit(64);
}

const excused = new Excused();
const { mutants, contents } = await mutantsOf(provideInstrumenter(), projectRoot, files);
const copy = new Copy(projectRoot, contents);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
process.on('exit', () => {
  Slot.endAll();
  copy[Symbol.dispose]();
});
const tests = await allTests();
const chosen = mutants.filter(isMeant).filter((_, i) => i % each === from);
console.log(`mutation: ${chosen.length} mutants of ${files.length} files, ${tests.ms.size} test files`);
const results = await runAll(chosen);
const counts = countsOf(results, each === 1 ? 'all' : `${from}/${each}`);
console.log(`\n${table(counts)}`);
const stale = each === 1 && meant.every(({ line }) => line === undefined) ? excused.stale(results) : [];
for (const line of stale) console.error(`excused.json: nothing survives there (any more): ${line}`);
if (values.docs) writeFigures(counts);
process.exitCode = stale.length > 0 || results.some(({ outcome }) => outcome === 'survived') ? 1 : 0;

function provideInstrumenter(): string {
  mkdirSync(CACHE, { recursive: true });
  const quiet = ['--silent', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--prefer-offline'];
  execFileSync('npm', ['install', ...quiet, '--prefix', CACHE, INSTRUMENTER], { stdio: 'inherit' });
  return join(CACHE, 'node_modules/@stryker-mutator/instrumenter');
}

interface Tests {
  /** What each takes, ms. */
  readonly ms: ReadonlyMap<string, number>;
  /** Which come to a mutant, by its id. */
  readonly covering: ReadonlyMap<string, readonly string[]>;
  /** Mutants that some come to on import; which do, is not known of all. */
  readonly onImport: ReadonlySet<string>;
}

/** Each test file once, with nothing turned on. */
async function allTests(): Promise<Tests> {
  const folder = join(copy.root, 'coverage');
  mkdirSync(folder);
  await using slot = new Slot(copy, { MUTATION_COVERAGE: folder }, ['all']);
  const ran = await slot.run({ files: [...new Set(files.map(testsFor)), 'test/threats/'] }, ALL_MS);
  if (ran === undefined) throw new Error('without a mutant the tests do not end');
  if (ran.failed) console.error(`mutation: left out, since it fails without a mutant: ${ran.failed}`);
  if (Object.keys(ran.ms).length === 0) throw new Error('without a mutant no test passes');
  const covering = new Map<string, string[]>();
  const imported = new Set<string>();
  for (const one of readdirSync(folder)) {
    const { file, ids, onImport }: Covered = JSON.parse(readFileSync(join(folder, one), 'utf8'));
    if (ran.ms[file] === undefined) continue;
    for (const id of onImport) imported.add(id);
    for (const id of ids) covering.set(id, [...(covering.get(id) ?? []), file]);
  }
  return { ms: new Map(Object.entries(ran.ms)), covering, onImport: imported };
}

async function runAll(all: readonly Mutant[]): Promise<Result[]> {
  const results: Result[] = [];
  const left = [...all].reverse();
  const began = performance.now();
  const work = async () => {
    await using slot = new Slot(copy);
    for (let mutant = left.pop(); mutant; mutant = left.pop()) {
      let outcome = await run(slot, mutant);
      if ((outcome === 'survived' || outcome === 'no test') && excused.has(mutant)) outcome = 'excused';
      if (outcome === 'survived' || outcome === 'no test')
        console.log(`${outcome}: ${mutant.file}:${mutant.line}: ${mutant.change}`);
      results.push({ mutant, outcome });
      if (results.length % 50 === 0) {
        const minutes = ((performance.now() - began) / 60_000).toFixed(1);
        console.error(`mutation: ${results.length} of ${all.length}, ${minutes} minutes`);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return results.sort((a, b) => Number(a.mutant.id) - Number(b.mutant.id));
}

async function run(slot: Slot, mutant: Mutant): Promise<Outcome> {
  const { first, more } = testsOf(mutant);
  if (first.length === 0) return 'no test';
  const outcome = await runTests(slot, mutant, first);
  return outcome === 'survived' && more.length > 0 ? runTests(slot, mutant, more) : outcome;
}

async function runTests(slot: Slot, mutant: Mutant, chosen: string[]): Promise<Outcome> {
  const took = chosen.map((file) => tests.ms.get(file) ?? 0);
  const testMs = longest(Math.max(...took));
  const ran = await slot.run({ files: chosen, mutant: mutant.id, testMs }, testMs + longest(sum(took)));
  if (ran === undefined) return 'stuck';
  if (ran.failed) return 'killed';
  if (Object.keys(ran.ms).length === chosen.length) return 'survived';
  throw new Error(
    `of ${chosen.length} test files ${Object.keys(ran.ms).length} ran: ${JSON.stringify(mutant)}`,
  );
}

function sum(all: readonly number[]): number {
  return all.reduce((total, one) => total + one, 0);
}

/** Those beside the mutant's file, then the shortest. */
function testsOf({ id, file }: Mutant): { readonly first: string[]; readonly more: string[] } {
  const folder = join(copy.root, 'test', dirname(file));
  const isBeside = (test: string) => !relative(folder, test).startsWith('..');
  const took = (test: string) => tests.ms.get(test) ?? 0;
  const { covering, onImport } = tests;
  const all = [...(onImport.has(id) ? tests.ms.keys() : (covering.get(id) ?? []))];
  all.sort((a, b) => Number(isBeside(b)) - Number(isBeside(a)) || took(a) - took(b));
  const within = (tests: readonly string[], most: number) => {
    let ms = 0;
    return tests.filter((test) => {
      ms += took(test);
      return ms <= most;
    });
  };
  const beside = all.filter(isBeside);
  const first = [...beside, ...within(all.slice(beside.length), FIRST_MS - sum(beside.map(took)))];
  const rest = all.slice(first.length);
  return { first, more: onImport.has(id) ? [] : within(rest, MORE_MS) };
}
