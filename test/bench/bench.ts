/** `npm run bench`: everything that jobgate claims about speed, exactness and size, measured here and now. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from './child.js';
import { type Contender, direct, jobgate } from './contender.js';
import type { Context, Section } from './context.js';
import { writeDocs } from './docs.js';
import type { LoadApi } from './load/main.js';
import { describeMachine, findCores } from './machine.js';
import { parseOptions, USAGE } from './options.js';
import { nodePeer } from './peers/node-peer.js';
import { startPeers } from './peers.js';
import { asJson, type Figure, tables } from './report.js';
import { allowlist } from './sections/allowlist.js';
import { anyProgram } from './sections/any-program.js';
import { containerGateways } from './sections/container-gateways.js';
import { deaths } from './sections/deaths.js';
import { forwarders } from './sections/forwarders.js';
import { gate } from './sections/gate.js';
import { gateways } from './sections/gateways.js';
import { jobs } from './sections/jobs.js';
import { latency } from './sections/latency.js';
import { limiter } from './sections/limiter.js';
import { many } from './sections/many.js';
import { memory } from './sections/memory.js';
import { neighbours } from './sections/neighbours.js';
import { requests } from './sections/requests.js';
import { setups } from './sections/setups.js';
import { stockNode } from './sections/stock-node.js';
import { tunnels } from './sections/tunnels.js';

const SECTIONS: readonly Section[] = [
  tunnels,
  setups,
  requests,
  forwarders,
  limiter,
  latency,
  jobs,
  memory,
  gateways,
  anyProgram,
  containerGateways,
  gate,
  allowlist,
  deaths,
  neighbours,
  many,
  stockNode,
];

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const unknown = options.only.find((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown !== undefined) {
    throw new TypeError(`there is no ${unknown}: ${SECTIONS.map(({ name }) => name).join(', ')}`);
  }
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const cores = findCores();
  const machine = `${describeMachine()}; ${
    cores
      ? `measured process on core ${cores.measured}, load on core ${cores.load}`
      : 'nothing pinned: taskset or a second core is missing'
  }`;
  console.log(`${machine}\n`);
  await using load = new Child<LoadApi>(new URL('load/main.ts', import.meta.url), {
    core: cores?.load,
    nodeArgs: ['--max-semi-space-size=32'],
  });
  const origins = await load.call('origins');
  const say = (text: string) => console.error(text);
  let started: Promise<readonly Contender[]> | undefined;
  const contenders = () => {
    started ??= startContenders();
    return started;
  };
  async function startContenders(): Promise<readonly Contender[]> {
    const all = [direct, await jobgate('jobgate', root, origins, cores?.measured)];
    if (options.against) all.push(await jobgate(options.against, options.against, origins, cores?.measured));
    const relay = await nodePeer('bare relay')({ origins, core: cores?.measured, say });
    if (typeof relay !== 'string') all.push(relay);
    if (options.peers) all.push(...(await startPeers({ origins, core: cores?.measured, say })));
    return all;
  }
  const context: Context = { options, root, cores, load, origins, say, contenders };
  const figures: Figure[] = [];
  try {
    for (const section of SECTIONS) {
      if (options.only.length > 0 ? !options.only.includes(section.name) : section.byName) continue;
      const from = performance.now();
      const own = (await section.run(context)).map((figure) => ({ section: section.title, ...figure }));
      if (own.length > 0) console.log(`${tables(own)}\n`);
      say(`${section.name}: ${((performance.now() - from) / 1000).toFixed(0)} s\n`);
      figures.push(...own);
      if (options.docs) writeDocs(machine, figures);
      if (options.json) writeFileSync(options.json, asJson(machine, figures));
    }
  } finally {
    for (const contender of (await started) ?? []) await contender[Symbol.asyncDispose]();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n${USAGE}` : error);
  process.exitCode = 1;
}
