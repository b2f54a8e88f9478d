/** The measured jobgate: egress proxies of the build, with their log, in one process. */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { logStream } from '../../../src/log-stream.js';
import { answerCalls } from '../child.js';
import { residentBytes } from '../cpu.js';
import { Gateways, type OpeningTime } from './gateways.js';

export interface OpenJobs {
  /** Top folder of a built jobgate. */
  readonly root: string;
  readonly jobs: number;
  /** Bit/s. */
  readonly rate: number | null;
  /** Allowlist entries. */
  readonly allow: readonly string[];
  /** So many processes have their proxies, as those of serve. Default: this one has them. */
  readonly workers?: number;
}

export interface AllowlistFigures {
  /** Ms to read the list. */
  readonly parse: number;
  /** Look-ups per second, half of them of names that are not in it. */
  readonly perSecond: number;
}

/** The log is written as the command does it, only to nowhere. */
const nowhere = openSync('/dev/null', 'w');
const stderr = { writableLength: 0, write: (text: string) => writeSync(nowhere, text) > 0 };
const logger = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime },
  logStream(stderr as NodeJS.WriteStream),
);
type Jobgate = typeof import('../../../src/index.js');
const open: AsyncDisposable[] = [];

async function load(root: string): Promise<Jobgate> {
  return import(pathToFileURL(join(root, 'dist/src/index.js')).href);
}

/** Gives the ports of the jobs' proxies. The name `bench.test` is 127.0.0.1 for them. */
async function openJobs({ root, jobs, rate, allow, workers }: OpenJobs): Promise<number[]> {
  const { createEgressProxy, Workers, DEFAULT_OPERATOR_POLICY, DEFAULT_LIMITS } = await load(root);
  const create = workers ? new Workers({ count: workers, logger }).createProxy : createEgressProxy;
  const operator = {
    ...DEFAULT_OPERATOR_POLICY,
    allowAddresses: ['127.0.0.0/8'],
    addHosts: [['bench.test', '127.0.0.1']] as const,
    limits: {
      ...DEFAULT_LIMITS,
      connections: 1e6,
      connectionsPerSecond: 1e6,
      tunnels: 1e6,
      requests: 1e6,
      dials: 1e6,
      destinationConnections: 1e6,
      destinationConnectionsPerSecond: 1e6,
    },
  };
  const ports: number[] = [];
  for (let i = 0; i < jobs; i++) {
    const proxy = create({ job: { job: `bench-${i}`, allow, rate }, operator }, { logger });
    open.push(proxy);
    ports.push((await proxy.listen({ host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'] })).port);
  }
  return ports;
}

async function closeJobs(): Promise<void> {
  for (const proxy of open.splice(0)) await proxy[Symbol.asyncDispose]();
}

async function allowlist({
  root,
  entries,
  ms,
}: {
  root: string;
  entries: number;
  ms: number;
}): Promise<AllowlistFigures> {
  const { Allowlist } = await load(root);
  const texts = Array.from({ length: entries }, (_, i) => `${i % 2 ? '.' : ''}site-${i}.example.com`);
  const start = performance.now();
  const list = Allowlist.parse(texts);
  const parse = performance.now() - start;
  const asked = Array.from({ length: 1024 }, (_, i) => `www.site-${(i * 97) % entries}.example.com`);
  const isDefault = () => true;
  let lookups = 0;
  let allowed = 0;
  const from = performance.now();
  while (performance.now() - from < ms) {
    for (const host of asked) if (list.match(host as never, 443, isDefault) === 'allowed') allowed++;
    lookups += asked.length;
  }
  if (allowed === 0) throw new Error('nothing was allowed');
  return { parse, perSecond: (lookups * 1000) / (performance.now() - from) };
}

export interface AnyProgram {
  /** Ports of a proxy: its own, that for names, and that for connections to `origin` without it. */
  readonly proxy: number;
  readonly names: number;
  readonly direct: number;
  /** Bytes that a proxy takes more with names and direct connections. */
  readonly bytes: number;
}

/** Opens a proxy that programs need not know of. Needs `--expose-gc`. */
async function openAnyProgram({ root, origin, kept }: { root: string; origin: number; kept: number }) {
  const { createEgressProxy, DEFAULT_OPERATOR_POLICY } = await load(root);
  const operator = {
    ...DEFAULT_OPERATOR_POLICY,
    allowAddresses: ['127.0.0.0/8'],
    addHosts: [['bench.test', '127.0.0.1']] as const,
  };
  const listen = async (ports?: readonly (readonly [number, number])[]) => {
    const job = { job: 'bench', allow: [`bench.test:${origin}`], rate: 10_000_000 };
    const proxy = createEgressProxy({ job, operator }, { logger });
    open.push(proxy);
    const direct = ports && { direct: { names: 0, ports } };
    return proxy.listen({ host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'], ...direct });
  };
  const bytesOf = async (ports?: readonly (readonly [number, number])[]) => {
    globalThis.gc?.();
    const before = residentBytes(process.pid);
    for (let i = 0; i < kept; i++) await listen(ports);
    globalThis.gc?.();
    return (residentBytes(process.pid) - before) / kept;
  };
  const usual = [
    [80, 0],
    [443, 0],
  ] as const;
  // What the first ones take is the program's.
  await bytesOf(usual);
  const without = await bytesOf();
  const bytes = (await bytesOf(usual)) - without;
  const bound = await listen([[origin, 0]]);
  const [, direct = 0] = bound.direct?.ports[0] ?? [];
  return { proxy: bound.port, names: bound.direct?.names ?? 0, direct, bytes } satisfies AnyProgram;
}

let gateways: Gateways | undefined;

async function openEngine(root: string): Promise<void> {
  gateways = await Gateways.start(await load(root));
}

async function timeGateways({ count }: { count: number }): Promise<OpeningTime[]> {
  return gateways?.time(count) ?? [];
}

/** Gives what each takes of memory, bytes. */
async function keepGateways({ count }: { count: number }): Promise<number> {
  globalThis.gc?.();
  const before = residentBytes(process.pid);
  await gateways?.keep(count);
  globalThis.gc?.();
  return (residentBytes(process.pid) - before) / count;
}

const api = {
  openEngine,
  timeGateways,
  keepGateways,
  closeGateways: () => gateways?.close(),
  openJobs,
  openAnyProgram,
  closeJobs,
  allowlist,
  /** Needs `--expose-gc`. */
  collect: () => globalThis.gc?.(),
};

export type JobgateApi = typeof api;

answerCalls(api);
