/**
 * What nobody should send: `npm run fuzz -- --minutes 10`. Three quarters of the time whatever reads what others wrote is given
 * inputs that are led by what code they reach (targets/), and held to three things: it throws nothing but refusals, it agrees
 * with the others who read the same, and its time grows with the length only. The rest of the time broken heads, ClientHellos
 * and answers go to real proxies (wire-scenarios.ts); checked is what the soak checks, and that no origin gets anything but
 * well-formed HTTP with the job header, or TLS for an allowed name.
 */
import { runOptions } from '../soak/run-options.js';
import { run } from '../soak/runner.js';
import { readCorpus } from './corpus.js';
import { Coverage } from './coverage.js';
import { guided, shortened } from './guided.js';
import type { Finding } from './target.js';
import { Watchdog } from './watchdog.js';
import { answers, garbage, heads, headsInTunnel, hellos, parsers } from './wire-scenarios.js';

const CONCURRENCY = 32;
const GUIDED = 0.75;
const isOurs = (url: string) =>
  /\/(?:proxy|admission|docker|src)\//.test(url) && !/\/(?:test|node_modules)\//.test(url);

const options = runOptions(process.argv.slice(2));
// Nobody has to wait for what is wrong in a part that no target awaits.
let findings = 0;
for (const kind of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(kind, (error: Error) => {
    findings++;
    console.error(`FAILED: crash: ${kind}: ${error.stack}`);
  });

if (options.only === undefined) {
  const ms = GUIDED * options.ms;
  console.log(`fuzz, guided by coverage: ${Math.round(ms / 1000)} s, --seed ${options.seed}`);
  const known = readCorpus();
  using coverage = new Coverage(isOurs);
  const { Targets } = await import('./targets/all.js');
  await using targets = new Targets();
  using watchdog = new Watchdog();
  const all = targets.all.map((target) => {
    const lines = known.filter((line) => line.target === target.name && line.oracle !== 'time');
    return { ...target, seeds: [...target.seeds, ...lines.map(({ input }) => input)] };
  });
  const outcome = await guided(all, { seed: options.seed, ms, coverage, watchdog });
  for (const found of outcome.findings) {
    const target = all.find(({ name }) => name === found.target);
    say(target ? await shortened(target, found) : found);
  }
  findings += outcome.findings.length;
  const reached = [...outcome.reached.values()].reduce((sum, inputs) => sum + inputs.length, 0);
  console.log(
    `fuzz, guided by coverage: ${outcome.rounds} rounds, ${outcome.inputs} inputs, ${reached} of them reached new code; ` +
      `time was measured of ${outcome.measured}; ${findings === 0 ? 'nothing found' : `failed, --seed ${options.seed}`}`,
  );
}

function say({ target, input, oracle, what }: Finding): void {
  const [found = ''] = what.split('\n', 1);
  console.error(`FAILED: ${oracle}: ${target}: ${what}`);
  console.error(`  for test/fuzz/corpus.jsonl: ${JSON.stringify({ target, oracle, input, found })}`);
}

const scenarios = [heads, heads, headsInTunnel, hellos, answers, garbage, parsers];
const wire = { ...options, ms: (1 - GUIDED) * options.ms };
const isGood = await run('fuzz, over the wire', scenarios, CONCURRENCY, wire);
process.exit(isGood && findings === 0 ? 0 : 1);
